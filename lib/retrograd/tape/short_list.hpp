// A list of a few elements that needs no memory of its own: plans have thousands of them.
#pragma once

#include <cstddef>
#include <initializer_list>

namespace retrograd {

template <class T, std::size_t Most>
class ShortList {
 public:
  ShortList() = default;
  ShortList(std::initializer_list<T> elements) {
    for (const T& element : elements) push_back(element);
  }
  /// At most `Most` elements.
  void push_back(const T& element) { elements_[size_++] = element; }
  std::size_t size() const { return size_; }
  const T* data() const { return elements_; }
  const T* begin() const { return elements_; }
  const T* end() const { return elements_ + size_; }
  const T& operator[](std::size_t i) const { return elements_[i]; }
  T& operator[](std::size_t i) { return elements_[i]; }

 private:
  T elements_[Most] = {};
  std::size_t size_ = 0;
};

}  // namespace retrograd
