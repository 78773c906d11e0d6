// greatest and least: NULL arguments don't take part; the result is NULL only when all are.
#include <type_traits>
#include <vector>

#include "operators/expr/kernel_registry.h"

namespace weir::expr {
namespace {

template <class T>
bool IsLess(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a < b || (b != b && a == a);
  return a < b;
}

// Results of fixed width are assigned; text is appended, which is why the choice comes first.
template <class T>
void Put(RowWriter<T>& out, int64_t row, T value) {
  Failure ignored;
  if constexpr (std::is_same_v<T, std::string_view>) {
    auto copy = [](std::string_view text, TextOutput& to) { to.Append(text); };
    out.Write(row, copy, ignored, value);
  } else {
    auto copy = [](T same) { return same; };
    out.Write(row, copy, ignored, value);
  }
}

template <class T>
class GreatestKernel final : public Kernel {
 public:
  GreatestKernel(const Expr& call, bool greatest) : type_(call.type), greatest_(greatest) {
    // Numeric arguments may differ in scale; all are brought to the result's, which is the largest.
    for (const Expr& arg : call.args) scale_changes_.push_back(call.type.scale - arg.type.scale);
  }

  Vector Run(std::span<const Vector> args, int64_t rows, RowErrors& errors) override {
    std::vector<View<T>> views;
    for (const Vector& arg : args) views.emplace_back(arg);
    RowWriter<T> out(rows);
    Bitmap valid(rows, true);
    for (int64_t row = 0; row < rows; ++row) {
      bool found = false, fits = true;
      T best{};
      for (size_t i = 0; i < args.size(); ++i) {
        if (args[i].IsNull(row)) continue;
        T value = views[i][row];
        fits &= Rescaled(static_cast<int>(i), &value);
        if (!found || (greatest_ ? IsLess(best, value) : IsLess(value, best))) best = value;
        found = true;
      }
      if (!fits) errors.Add(row, "numeric field overflow: the result has more than 38 digits");
      if (found) {
        Put<T>(out, row, best);
      } else {
        out.Skip(row);
        valid.Clear(row);
      }
    }
    return out.Finish(type_, rows, std::move(valid));
  }

 private:
  bool Rescaled(int arg, T* value) const {
    if constexpr (std::is_same_v<T, Int128>) return Rescale(*value, scale_changes_[arg], value);
    return true;
  }

  const DataType type_;
  const bool greatest_;
  std::vector<int> scale_changes_;
};

template <TypeKind kKind>
void AddKind(KernelRegistry& registry) {
  for (bool greatest : {true, false}) {
    std::string name = greatest ? "greatest(" : "least(";
    registry.Add(name + KindWord(kKind) + "...)",
                 [greatest](const Expr& call) -> absl::StatusOr<std::unique_ptr<Kernel>> {
                   return std::make_unique<GreatestKernel<CppType<kKind>>>(call, greatest);
                 });
  }
}

}  // namespace

void AddGreatestKernels(KernelRegistry& registry) {
  using enum TypeKind;
  AddKind<kBoolean>(registry);
  AddKind<kSmallint>(registry);
  AddKind<kInteger>(registry);
  AddKind<kBigint>(registry);
  AddKind<kReal>(registry);
  AddKind<kDouble>(registry);
  AddKind<kNumeric>(registry);
  AddKind<kText>(registry);
  AddKind<kBytea>(registry);
  AddKind<kDate>(registry);
  AddKind<kTimestamp>(registry);
  AddKind<kTimestamptz>(registry);
  AddKind<kUuid>(registry);
}

}  // namespace weir::expr
