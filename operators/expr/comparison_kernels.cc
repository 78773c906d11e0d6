// = <> < <= > >= and IS DISTINCT FROM. NaN equals itself and is greater than every other number;
// text and bytes compare byte by byte (PostgreSQL's collation C).
#include <algorithm>
#include <type_traits>

#include "operators/expr/kernel_registry.h"

namespace weir::expr {
namespace {

struct Equal {
  template <class T>
  static bool Test(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) return a == b || (a != a && b != b);
    return a == b;
  }
};

struct Less {
  template <class T>
  static bool Test(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) return a < b || (b != b && a == a);
    return a < b;
  }
};

// The other four are these two with sides swapped or the answer turned round.
template <class Relation, bool kSwap, bool kNot>
struct Comparison {
  template <class T>
  static bool Test(T a, T b) {
    return (kSwap ? Relation::Test(b, a) : Relation::Test(a, b)) != kNot;
  }
};

using Eq = Comparison<Equal, false, false>;
using Ne = Comparison<Equal, false, true>;
using Lt = Comparison<Less, false, false>;
using Ge = Comparison<Less, false, true>;
using Gt = Comparison<Less, true, false>;
using Le = Comparison<Less, true, true>;

// A bit per row, a word of 64 rows at a time.
template <class Test>
Bitmap TestRows(int64_t rows, Test test) {
  Bitmap bits(rows, false);
  int64_t row = 0;
  for (int64_t w = 0; row < rows; ++w) {
    const int count = static_cast<int>(std::min<int64_t>(64, rows - row));
    uint64_t word = 0;
    for (int i = 0; i < count; ++i, ++row) word |= uint64_t{test(row)} << i;
    bits.SetWord(w, word);
  }
  return bits;
}

template <class A, class B, class Op>
Bitmap CompareRows(std::span<const Vector> args, int64_t rows) {
  using T = std::common_type_t<A, B>;
  Bitmap bits;
  WithView<A>(args[0], [&](auto a) {
    WithView<B>(args[1], [&](auto b) {
      bits =
          TestRows(rows, [&](int64_t row) { return Op::template Test<T>(T(a[row]), T(b[row])); });
    });
  });
  return bits;
}

// -1, 0, 1 against 0 makes every comparison.
template <class Op>
Bitmap CompareNumericRows(std::span<const Vector> args, int64_t rows, int a_scale, int b_scale) {
  if (a_scale == b_scale) return CompareRows<Int128, Int128, Op>(args, rows);
  View<Int128> a(args[0]), b(args[1]);
  return TestRows(rows, [&](int64_t row) {
    return Op::template Test<int>(CompareNumeric(a[row], a_scale, b[row], b_scale), 0);
  });
}

// Rows where an argument is NULL may hold anything, and text that lies behind a NULL is read too:
// its offsets are valid in Arrow.
template <class A, class B, class Op>
class ComparisonKernel final : public Kernel {
 public:
  explicit ComparisonKernel(const Expr& call)
      : a_scale_(call.args[0].type.scale), b_scale_(call.args[1].type.scale) {}

  Vector Run(std::span<const Vector> args, int64_t rows, RowErrors&) override {
    return FinishBooleans(Compare(args, rows), rows, CombineValidity(args, rows));
  }

  Bitmap Compare(std::span<const Vector> args, int64_t rows) const {
    if constexpr (std::is_same_v<A, Int128>) {
      return CompareNumericRows<Op>(args, rows, a_scale_, b_scale_);
    } else {
      return CompareRows<A, B, Op>(args, rows);
    }
  }

 private:
  const int a_scale_;
  const int b_scale_;
};

// NULL is a value like others here: two NULLs aren't distinct.
template <class A, class B>
class DistinctKernel final : public Kernel {
 public:
  explicit DistinctKernel(const Expr& call) : differ_(call) {}

  Vector Run(std::span<const Vector> args, int64_t rows, RowErrors&) override {
    Bitmap bits(rows, false);
    // A constant NULL has no value to compare with.
    if (!args[0].is_null_constant() && !args[1].is_null_constant()) {
      bits = differ_.Compare(args, rows);
    }
    for (int64_t w = 0; w < (rows + 63) / 64; ++w) {
      uint64_t a = Valid(args[0], w, rows), b = Valid(args[1], w, rows);
      bits.SetWord(w, (a & b & bits.words()[w]) | (a ^ b));
    }
    return FinishBooleans(std::move(bits), rows, Bitmap());
  }

 private:
  static uint64_t Valid(const Vector& v, int64_t word, int64_t rows) {
    if (v.constant) return v.IsNull(0) ? 0 : ~uint64_t{0};
    return LoadWord(v.validity, v.bit_offset, word, rows);
  }

  const ComparisonKernel<A, B, Ne> differ_;
};

template <class K>
KernelFactory FactoryOf() {
  return [](const Expr& call) -> absl::StatusOr<std::unique_ptr<Kernel>> {
    return std::make_unique<K>(call);
  };
}

template <TypeKind kA, TypeKind kB>
void AddComparisons(KernelRegistry& registry) {
  using A = CppType<kA>;
  using B = CppType<kB>;
  auto id = [](std::string_view name) { return KernelRegistry::IdOf(name, {kA, kB}); };
  registry.Add(id("eq"), FactoryOf<ComparisonKernel<A, B, Eq>>());
  registry.Add(id("ne"), FactoryOf<ComparisonKernel<A, B, Ne>>());
  registry.Add(id("lt"), FactoryOf<ComparisonKernel<A, B, Lt>>());
  registry.Add(id("le"), FactoryOf<ComparisonKernel<A, B, Le>>());
  registry.Add(id("gt"), FactoryOf<ComparisonKernel<A, B, Gt>>());
  registry.Add(id("ge"), FactoryOf<ComparisonKernel<A, B, Ge>>());
  registry.Add(id("is_distinct_from"), FactoryOf<DistinctKernel<A, B>>());
}

}  // namespace

void AddComparisonKernels(KernelRegistry& registry) {
  using enum TypeKind;
  AddComparisons<kBoolean, kBoolean>(registry);
  AddComparisons<kSmallint, kSmallint>(registry);
  AddComparisons<kInteger, kInteger>(registry);
  AddComparisons<kBigint, kBigint>(registry);
  AddComparisons<kReal, kReal>(registry);
  AddComparisons<kDouble, kDouble>(registry);
  AddComparisons<kReal, kDouble>(registry);
  AddComparisons<kDouble, kReal>(registry);
  AddComparisons<kNumeric, kNumeric>(registry);
  AddComparisons<kText, kText>(registry);
  AddComparisons<kBytea, kBytea>(registry);
  AddComparisons<kDate, kDate>(registry);
  AddComparisons<kTimestamp, kTimestamp>(registry);
  AddComparisons<kTimestamptz, kTimestamptz>(registry);
  AddComparisons<kUuid, kUuid>(registry);
}

}  // namespace weir::expr
