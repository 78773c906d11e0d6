// Functions of double precision numbers, with PostgreSQL's domain errors.
#include <cmath>
#include <limits>

#include "operators/expr/kernel_registry.h"

namespace weir::expr {
namespace {

using enum TypeKind;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// An infinite result of finite arguments overflowed.
double Checked(double result, bool infinite_argument, bool may_be_zero, Failure& fail) {
  if (std::isinf(result) && !infinite_argument) fail("value out of range: overflow");
  if (result == 0 && !may_be_zero) fail("value out of range: underflow");
  return result;
}

double SquareRoot(double a, Failure& fail) {
  if (a < 0) {
    fail("cannot take square root of a negative number");
    return 0;
  }
  return std::sqrt(a);
}

template <double (*kLogarithm)(double)>
double Logarithm(double a, Failure& fail) {
  if (a == 0) fail("cannot take logarithm of zero");
  if (a < 0) fail("cannot take logarithm of a negative number");
  return a > 0 || std::isnan(a) ? kLogarithm(a) : 0;
}

double NaturalLog(double a) { return std::log(a); }
double DecimalLog(double a) { return std::log10(a); }

double Exponential(double a, Failure& fail) {
  if (std::isnan(a)) return a;
  if (std::isinf(a)) return a > 0 ? a : 0;
  return Checked(std::exp(a), false, false, fail);
}

// x to an infinite power.
double PowerOfInfinity(double x, bool positive) {
  const double size = std::fabs(x);
  if (size == 1) return 1;
  return (size > 1) == positive ? kInfinity : 0;
}

double Power(double x, double y, Failure& fail) {
  if (std::isnan(x)) return y == 0 ? 1 : x;
  if (std::isnan(y)) return x == 1 ? 1 : y;
  if (x == 0 && y < 0) {
    fail("zero raised to a negative power is undefined");
    return 0;
  }
  if (x < 0 && std::floor(y) != y) {
    fail("a negative number raised to a non-integer power yields a complex result");
    return 0;
  }
  if (std::isinf(y)) return PowerOfInfinity(x, y > 0);
  if (std::isinf(x)) return std::pow(x, y);
  return Checked(std::pow(x, y), false, x == 0, fail);
}

double Sign(double a) { return (a > 0) - (a < 0); }

}  // namespace

void AddMathKernels(KernelRegistry& registry) {
  registry.AddRows<kDouble, kDouble>("round", [](double a) { return std::rint(a); });
  registry.AddRows<kDouble, kDouble>("trunc", [](double a) { return std::trunc(a); });
  registry.AddRows<kDouble, kDouble>("floor", [](double a) { return std::floor(a); });
  for (const char* name : {"ceil", "ceiling"}) {
    registry.AddRows<kDouble, kDouble>(name, [](double a) { return std::ceil(a); });
  }
  registry.AddRows<kDouble, kDouble>("sign", Sign);
  registry.AddRows<kDouble, kDouble>("sqrt", SquareRoot);
  registry.AddRows<kDouble, kDouble>("cbrt", [](double a, Failure&) { return std::cbrt(a); });
  registry.AddRows<kDouble, kDouble>("ln", Logarithm<NaturalLog>);
  for (const char* name : {"log", "log10"}) {
    registry.AddRows<kDouble, kDouble>(name, Logarithm<DecimalLog>);
  }
  registry.AddRows<kDouble, kDouble>("exp", Exponential);
  for (const char* name : {"power", "pow"}) {
    registry.AddRows<kDouble, kDouble, kDouble>(name, Power);
  }
}

}  // namespace weir::expr
