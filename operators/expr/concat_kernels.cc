// ||, concat and concat_ws.
#include <vector>

#include "operators/expr/kernel_registry.h"
#include "operators/expr/value_text.h"

namespace weir::expr {
namespace {

using enum TypeKind;
using MadeKernel = absl::StatusOr<std::unique_ptr<Kernel>>;

// concat skips NULLs; concat_ws too, and puts its first argument between the others.
class ConcatKernel final : public Kernel {
 public:
  ConcatKernel(const DataType& type, bool separated) : type_(type), separated_(separated) {}

  Vector Run(std::span<const Vector> args, int64_t rows, RowErrors& errors) override {
    std::vector<View<std::string_view>> views;
    for (const Vector& arg : args) views.emplace_back(arg);
    TextOutput out(rows);
    Bitmap valid(rows, true);
    for (int64_t row = 0; row < rows; ++row) {
      if (separated_ && args[0].IsNull(row)) {
        valid.Clear(row);
      } else {
        AppendRow(args, views, row, out);
      }
      if (!out.EndRow(row)) errors.Add(row, "the texts of one batch would pass 2 GiB");
    }
    return std::move(out).Finish(type_, rows, std::move(valid));
  }

 private:
  void AppendRow(std::span<const Vector> args, const std::vector<View<std::string_view>>& views,
                 int64_t row, TextOutput& out) const {
    bool first = true;
    for (size_t i = separated_ ? 1 : 0; i < args.size(); ++i) {
      if (args[i].IsNull(row)) continue;
      if (separated_ && !first) out.Append(views[0][row]);
      out.Append(views[i][row]);
      first = false;
    }
  }

  const DataType type_;
  const bool separated_;
};

// text || other and other || text: the other side in its text form.
template <TypeKind kOther>
void AddWithText(KernelRegistry& registry) {
  using Other = CppType<kOther>;
  registry.Add(
      KernelRegistry::IdOf("concat_op", {kText, kOther}), [](const Expr& call) -> MadeKernel {
        return MakeRowKernel<kText, kText, kOther>(
            call.type,
            [type = call.args[1].type](std::string_view text, Other other, TextOutput& out) {
              out.Append(text);
              AppendText<kOther>(type, other, &out.bytes());
            });
      });
  registry.Add(
      KernelRegistry::IdOf("concat_op", {kOther, kText}), [](const Expr& call) -> MadeKernel {
        return MakeRowKernel<kText, kOther, kText>(
            call.type,
            [type = call.args[0].type](Other other, std::string_view text, TextOutput& out) {
              AppendText<kOther>(type, other, &out.bytes());
              out.Append(text);
            });
      });
}

void Join(std::string_view a, std::string_view b, TextOutput& out) {
  out.Append(a);
  out.Append(b);
}

}  // namespace

void AddConcatKernels(KernelRegistry& registry) {
  registry.AddRows<kText, kText, kText>("concat_op", Join);
  registry.AddRows<kBytea, kBytea, kBytea>("concat_op", Join);
  AddWithText<kBoolean>(registry);
  AddWithText<kSmallint>(registry);
  AddWithText<kInteger>(registry);
  AddWithText<kBigint>(registry);
  AddWithText<kReal>(registry);
  AddWithText<kDouble>(registry);
  AddWithText<kNumeric>(registry);
  AddWithText<kDate>(registry);
  AddWithText<kTimestamp>(registry);
  AddWithText<kTimestamptz>(registry);
  AddWithText<kUuid>(registry);
  AddWithText<kJsonb>(registry);
  registry.Add("concat(text...)", [](const Expr& call) -> MadeKernel {
    return std::make_unique<ConcatKernel>(call.type, /*separated=*/false);
  });
  registry.Add("concat_ws(text,text...)", [](const Expr& call) -> MadeKernel {
    return std::make_unique<ConcatKernel>(call.type, /*separated=*/true);
  });
}

}  // namespace weir::expr
