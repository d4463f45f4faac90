// The operators on Vars, and numbers mixed in with them: `0.5 * x + 1`.
#pragma once

#include <retrograd/nodes/add.hpp>
#include <retrograd/nodes/clamp.hpp>
#include <retrograd/nodes/divide.hpp>
#include <retrograd/nodes/less.hpp>
#include <retrograd/nodes/less_equal.hpp>
#include <retrograd/nodes/maximum.hpp>
#include <retrograd/nodes/minimum.hpp>
#include <retrograd/nodes/multiply.hpp>
#include <retrograd/nodes/negate.hpp>
#include <retrograd/nodes/pow.hpp>
#include <retrograd/nodes/select.hpp>
#include <retrograd/nodes/subtract.hpp>

namespace retrograd {

inline Var operator+(Var a, double b) { return a + constant(a.tape(), b); }
inline Var operator+(double a, Var b) { return constant(b.tape(), a) + b; }
inline Var operator-(Var a, double b) { return a - constant(a.tape(), b); }
inline Var operator-(double a, Var b) { return constant(b.tape(), a) - b; }
inline Var operator*(Var a, double b) { return a * constant(a.tape(), b); }
inline Var operator*(double a, Var b) { return constant(b.tape(), a) * b; }
inline Var operator/(Var a, double b) { return a / constant(a.tape(), b); }
inline Var operator/(double a, Var b) { return constant(b.tape(), a) / b; }

inline Var operator<(Var a, double b) { return a < constant(a.tape(), b); }
inline Var operator>(Var a, double b) { return a > constant(a.tape(), b); }
inline Var operator<=(Var a, double b) { return a <= constant(a.tape(), b); }
inline Var operator>=(Var a, double b) { return a >= constant(a.tape(), b); }

inline Var operator<(double a, Var b) { return constant(b.tape(), a) < b; }
inline Var operator>(double a, Var b) { return constant(b.tape(), a) > b; }
inline Var operator<=(double a, Var b) { return constant(b.tape(), a) <= b; }
inline Var operator>=(double a, Var b) { return constant(b.tape(), a) >= b; }

inline Var min(double a, Var b) { return min(constant(b.tape(), a), b); }
inline Var max(double a, Var b) { return max(constant(b.tape(), a), b); }
inline Var clamp(Var x, Var low, double high) { return clamp(x, low, constant(x.tape(), high)); }
inline Var clamp(Var x, double low, Var high) { return clamp(x, constant(x.tape(), low), high); }
inline Var min(Var a, double b) { return min(a, constant(a.tape(), b)); }
inline Var max(Var a, double b) { return max(a, constant(a.tape(), b)); }
inline Var pow(Var a, double b) { return pow(a, constant(a.tape(), b)); }
inline Var pow(double a, Var b) { return pow(constant(b.tape(), a), b); }
inline Var clamp(Var x, double low, double high) {
  return clamp(x, constant(x.tape(), low), constant(x.tape(), high));
}
inline Var select(Var condition, Var x, double y) { return select(condition, x, constant(x.tape(), y)); }
inline Var select(Var condition, double x, Var y) { return select(condition, constant(y.tape(), x), y); }
inline Var select(Var condition, double x, double y) {
  return select(condition, constant(condition.tape(), x), constant(condition.tape(), y));
}

}  // namespace retrograd
