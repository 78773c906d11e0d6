// Arithmetic and rounding of NUMERIC.
#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "operators/expr/kernel_registry.h"

namespace weir::expr {
namespace {

using enum TypeKind;
using MadeKernel = absl::StatusOr<std::unique_ptr<Kernel>>;

// The scales of a call's operands and result.
struct Scales {
  int a = 0;
  int b = 0;
  DataType result;
  explicit Scales(const Expr& call)
      : a(call.args[0].type.scale), b(call.args.back().type.scale), result(call.type) {}

  // `value` has the result's scale already and is a result unless `ok` is false or it is too long.
  Int128 Check(bool ok, Int128 value, Failure& fail) const {
    if (ok && FitsPrecision(value, result.precision)) return value;
    fail(absl::StrCat("numeric field overflow: the result has more than ", result.precision,
                      " digits, ", result.scale, " of them behind the point"));
    return 0;
  }
  // From another scale.
  Int128 CheckFrom(int scale, bool ok, Int128 value, Failure& fail) const {
    Int128 rescaled = 0;
    ok = ok && Rescale(value, result.scale - scale, &rescaled);
    return Check(ok, rescaled, fail);
  }
};

Int128 Add(const Scales& s, Int128 a, Int128 b, Failure& fail) {
  Int128 x = 0, y = 0;
  // Operands of 38 digits at most, so that their sum can't pass 128 bits.
  const bool ok = Rescale(a, s.result.scale - s.a, &x) && Rescale(b, s.result.scale - s.b, &y);
  return s.Check(ok, ok ? x + y : 0, fail);
}

Int128 Multiply(const Scales& s, Int128 a, Int128 b, Failure& fail) {
  Int128 product = 0;
  const int drop = std::max(0, s.a + s.b - s.result.scale);
  const bool ok = MultiplyNumeric(a, b, drop, &product);
  return s.CheckFrom(s.a + s.b - drop, ok, product, fail);
}

Int128 Divide(const Scales& s, Int128 a, Int128 b, Failure& fail) {
  if (b == 0) {
    fail("division by zero");
    return 0;
  }
  Int128 quotient = 0;
  const bool ok = DivideNumeric(a, s.a, b, s.b, s.result.scale, &quotient);
  return s.Check(ok, quotient, fail);
}

Int128 Modulo(const Scales& s, Int128 a, Int128 b, Failure& fail) {
  if (b == 0) {
    fail("division by zero");
    return 0;
  }
  Int128 rest = 0;
  const bool ok = ModuloNumeric(a, s.a, b, s.b, &rest);
  return s.CheckFrom(std::max(s.a, s.b), ok, rest, fail);
}

using Binary = Int128 (*)(const Scales&, Int128, Int128, Failure&);

void AddBinary(KernelRegistry& registry, std::string_view name, Binary compute) {
  registry.Add(KernelRegistry::IdOf(name, {kNumeric, kNumeric}),
               [compute](const Expr& call) -> MadeKernel {
                 const Scales scales(call);
                 return MakeRowKernel<kNumeric, kNumeric, kNumeric>(
                     call.type, [compute, scales](Int128 a, Int128 b, Failure& fail) {
                       return compute(scales, a, b, fail);
                     });
               });
}

// Each keeps `digits` digits behind the point; negative ones clear digits before it.
bool Round(Int128 value, int scale, int digits, Int128* out) {
  return Rescale(value, digits - scale, out);
}

bool Truncate(Int128 value, int scale, int digits, Int128* out) {
  return TruncateDigits(value, scale - digits, out);
}

bool Floor(Int128 value, int scale, int, Int128* out) {
  TruncateDigits(value, scale, out);
  if (value < 0 && *out * PowerOfTen(scale) != value) *out -= 1;
  return true;
}

bool Ceil(Int128 value, int scale, int, Int128* out) {
  TruncateDigits(value, scale, out);
  if (value > 0 && *out * PowerOfTen(scale) != value) *out += 1;
  return true;
}

using Rounding = bool (*)(Int128 value, int scale, int digits, Int128* out);

void AddRounding(KernelRegistry& registry, std::string_view name, Rounding round) {
  registry.Add(KernelRegistry::IdOf(name, {kNumeric}), [round](const Expr& call) -> MadeKernel {
    const Scales scales(call);
    return MakeRowKernel<kNumeric, kNumeric>(call.type, [round, scales](Int128 a, Failure& fail) {
      Int128 whole = 0;
      round(a, scales.a, 0, &whole);
      return scales.CheckFrom(0, true, whole, fail);
    });
  });
}

// The value rounded at any digit, then written at the scale of the result.
void AddRoundingToDigits(KernelRegistry& registry, std::string_view name, Rounding round) {
  registry.Add(KernelRegistry::IdOf(name, {kNumeric, kInteger}),
               [round](const Expr& call) -> MadeKernel {
                 const Scales scales(call);
                 auto compute = [round, scales](Int128 a, int32_t digits, Failure& fail) {
                   // More digits than there are change nothing; 38 places before the point leave
                   // nothing.
                   const int kept = std::clamp(digits, -kMaxDigits - 1, scales.a);
                   Int128 rounded = 0;
                   bool ok = round(a, scales.a, kept, &rounded);
                   if (kept < 0) {
                     ok = ok && Rescale(rounded, -kept, &rounded);
                     return scales.CheckFrom(0, ok, rounded, fail);
                   }
                   return scales.CheckFrom(kept, ok, rounded, fail);
                 };
                 return MakeRowKernel<kNumeric, kNumeric, kInteger>(call.type, compute);
               });
}

}  // namespace

void AddNumericKernels(KernelRegistry& registry) {
  AddBinary(registry, "add", Add);
  AddBinary(registry, "subtract",
            [](const Scales& s, Int128 a, Int128 b, Failure& fail) { return Add(s, a, -b, fail); });
  AddBinary(registry, "multiply", Multiply);
  AddBinary(registry, "divide", Divide);
  AddBinary(registry, "modulo", Modulo);
  AddBinary(registry, "mod", Modulo);
  registry.AddRows<kNumeric, kNumeric>("negate", [](Int128 a) { return -a; });
  registry.AddRows<kNumeric, kNumeric>("abs", [](Int128 a) { return a < 0 ? -a : a; });
  registry.AddRows<kNumeric, kNumeric>("sign", [](Int128 a) { return Int128{a > 0} - (a < 0); });
  AddRounding(registry, "round", Round);
  AddRounding(registry, "trunc", Truncate);
  AddRounding(registry, "floor", Floor);
  AddRounding(registry, "ceil", Ceil);
  AddRounding(registry, "ceiling", Ceil);
  AddRoundingToDigits(registry, "round", Round);
  AddRoundingToDigits(registry, "trunc", Truncate);
}

}  // namespace weir::expr
