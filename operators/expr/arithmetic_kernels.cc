// + - * / % and sign changes of binary integers and floating numbers.
#include <cmath>
#include <limits>
#include <type_traits>

#include "operators/expr/kernel_registry.h"

namespace weir::expr {
namespace {

constexpr char kDivisionByZero[] = "division by zero";
constexpr char kOverflow[] = "value out of range: overflow";
constexpr char kUnderflow[] = "value out of range: underflow";

template <class T>
const char* OutOfRange() {
  if constexpr (std::is_same_v<T, int16_t>) return "smallint out of range";
  if constexpr (std::is_same_v<T, int32_t>) return "integer out of range";
  return "bigint out of range";
}

// Each operation computes *out and says whether the row failed; Message says why it did. Apply also
// runs on rows that are NULL, with whatever lies there.
template <class T>
struct AddIntegers {
  static bool Apply(T a, T b, T* out) { return __builtin_add_overflow(a, b, out); }
  static const char* Message(T, T) { return OutOfRange<T>(); }
};

template <class T>
struct SubtractIntegers {
  static bool Apply(T a, T b, T* out) { return __builtin_sub_overflow(a, b, out); }
  static const char* Message(T, T) { return OutOfRange<T>(); }
};

template <class T>
struct MultiplyIntegers {
  static bool Apply(T a, T b, T* out) { return __builtin_mul_overflow(a, b, out); }
  static const char* Message(T, T) { return OutOfRange<T>(); }
};

template <class T>
struct DivideIntegers {
  static bool Apply(T a, T b, T* out) {
    // −1 apart: the smallest integer divided by it overflows, and traps.
    bool failed = b == 0 || (b == -1 && a == std::numeric_limits<T>::min());
    *out = failed ? T{0} : static_cast<T>(a / b);
    return failed;
  }
  static const char* Message(T, T b) { return b == 0 ? kDivisionByZero : OutOfRange<T>(); }
};

template <class T>
struct ModuloIntegers {
  static bool Apply(T a, T b, T* out) {
    *out = b == 0 || b == -1 ? T{0} : static_cast<T>(a % b);
    return b == 0;
  }
  static const char* Message(T, T) { return kDivisionByZero; }
};

// As PostgreSQL, an infinite result of finite operands is an error.
struct AddFloats {
  template <class T>
  static bool Apply(T a, T b, T* out) {
    *out = a + b;
    return std::isinf(*out) && !std::isinf(a) && !std::isinf(b);
  }
  template <class T>
  static const char* Message(T, T) {
    return kOverflow;
  }
};

struct SubtractFloats {
  template <class T>
  static bool Apply(T a, T b, T* out) {
    *out = a - b;
    return std::isinf(*out) && !std::isinf(a) && !std::isinf(b);
  }
  template <class T>
  static const char* Message(T, T) {
    return kOverflow;
  }
};

struct MultiplyFloats {
  template <class T>
  static bool Apply(T a, T b, T* out) {
    *out = a * b;
    return (std::isinf(*out) && !std::isinf(a) && !std::isinf(b)) ||
           (*out == 0 && a != 0 && b != 0);
  }
  template <class T>
  static const char* Message(T a, T b) {
    return std::isinf(a * b) ? kOverflow : kUnderflow;
  }
};

struct DivideFloats {
  template <class T>
  static bool Apply(T a, T b, T* out) {
    bool by_zero = b == 0 && !std::isnan(a);
    *out = a / (by_zero ? T{1} : b);
    return by_zero || (std::isinf(*out) && !std::isinf(a)) ||
           (*out == 0 && a != 0 && !std::isinf(b));
  }
  template <class T>
  static const char* Message(T a, T b) {
    if (b == 0) return kDivisionByZero;
    return std::isinf(a / b) ? kOverflow : kUnderflow;
  }
};

template <class A, class B, class T, class Operation>
class BinaryKernel final : public Kernel {
 public:
  explicit BinaryKernel(const DataType& type) : type_(type) {}

  Vector Run(std::span<const Vector> args, int64_t rows, RowErrors& errors) override {
    Bitmap valid = CombineValidity(args, rows);
    FixedOutput<T> out(rows);
    T* results = out.data();
    bool failed = false;
    WithView<A>(args[0], [&](auto a) {
      WithView<B>(args[1], [&](auto b) {
        for (int64_t row = 0; row < rows; ++row) {
          failed |= Operation::Apply(static_cast<T>(a[row]), static_cast<T>(b[row]), &results[row]);
        }
      });
    });
    if (failed) [[unlikely]]
      Blame(args, rows, valid, errors);
    return std::move(out).Finish(type_, rows, std::move(valid));
  }

 private:
  // Finds the rows that failed: the loop above keeps no account of them, to be quick.
  static void Blame(std::span<const Vector> args, int64_t rows, const Bitmap& valid,
                    RowErrors& errors) {
    View<A> a(args[0]);
    View<B> b(args[1]);
    for (int64_t row = 0; row < rows; ++row) {
      if (valid.present() && !valid.Get(row)) continue;
      T x = static_cast<T>(a[row]), y = static_cast<T>(b[row]), ignored;
      if (Operation::Apply(x, y, &ignored)) errors.Add(row, Operation::Message(x, y));
    }
  }

  const DataType type_;
};

template <TypeKind kA, TypeKind kB, class T, class Operation>
void AddBinary(KernelRegistry& registry, std::string_view name) {
  registry.Add(
      KernelRegistry::IdOf(name, {kA, kB}),
      [](const Expr& call) -> absl::StatusOr<std::unique_ptr<Kernel>> {
        return std::make_unique<BinaryKernel<CppType<kA>, CppType<kB>, T, Operation>>(call.type);
      });
}

template <TypeKind kKind>
void AddIntegerKernels(KernelRegistry& registry) {
  using T = CppType<kKind>;
  AddBinary<kKind, kKind, T, AddIntegers<T>>(registry, "add");
  AddBinary<kKind, kKind, T, SubtractIntegers<T>>(registry, "subtract");
  AddBinary<kKind, kKind, T, MultiplyIntegers<T>>(registry, "multiply");
  AddBinary<kKind, kKind, T, DivideIntegers<T>>(registry, "divide");
  AddBinary<kKind, kKind, T, ModuloIntegers<T>>(registry, "modulo");
  AddBinary<kKind, kKind, T, ModuloIntegers<T>>(registry, "mod");
  auto negate = [](T a, Failure& fail) -> T {
    if (a != std::numeric_limits<T>::min()) return static_cast<T>(-a);
    fail(OutOfRange<T>());
    return 0;
  };
  registry.AddRows<kKind, kKind>("negate", negate);
  registry.AddRows<kKind, kKind>(
      "abs", [negate](T a, Failure& fail) -> T { return a < 0 ? negate(a, fail) : a; });
}

template <TypeKind kA, TypeKind kB, class T>
void AddFloatKernels(KernelRegistry& registry) {
  AddBinary<kA, kB, T, AddFloats>(registry, "add");
  AddBinary<kA, kB, T, SubtractFloats>(registry, "subtract");
  AddBinary<kA, kB, T, MultiplyFloats>(registry, "multiply");
  AddBinary<kA, kB, T, DivideFloats>(registry, "divide");
}

template <TypeKind kKind>
void AddFloatSignKernels(KernelRegistry& registry) {
  using T = CppType<kKind>;
  registry.AddRows<kKind, kKind>("negate", [](T a) { return -a; });
  registry.AddRows<kKind, kKind>("abs", [](T a) { return std::fabs(a); });
}

}  // namespace

void AddArithmeticKernels(KernelRegistry& registry) {
  using enum TypeKind;
  AddIntegerKernels<kSmallint>(registry);
  AddIntegerKernels<kInteger>(registry);
  AddIntegerKernels<kBigint>(registry);
  AddFloatKernels<kReal, kReal, float>(registry);
  AddFloatKernels<kDouble, kDouble, double>(registry);
  AddFloatKernels<kReal, kDouble, double>(registry);
  AddFloatKernels<kDouble, kReal, double>(registry);
  AddFloatSignKernels<kReal>(registry);
  AddFloatSignKernels<kDouble>(registry);
}

}  // namespace weir::expr
