// All kernels, by signature; and the choice of a cast's.
#ifndef WEIR_OPERATORS_EXPR_KERNEL_REGISTRY_H_
#define WEIR_OPERATORS_EXPR_KERNEL_REGISTRY_H_

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "model/expr.h"
#include "model/function_table.h"
#include "operators/expr/row_kernel.h"

namespace weir::expr {

// Makes the kernel of a call: `call.type` and the types of `call.args` are final, literals among
// the arguments may be prepared. INVALID_ARGUMENT when a literal can't work on any row.
using KernelFactory = std::function<absl::StatusOr<std::unique_ptr<Kernel>>(const Expr& call)>;

// The kernels by signature id.
class KernelRegistry {
 public:
  void Add(std::string id, KernelFactory factory);
  // nullptr when there is none.
  const KernelFactory* Find(std::string_view id) const;
  std::vector<std::string> Ids() const;

  // Registers `fn` as the row function of name(kArgs...).
  template <TypeKind kResult, TypeKind... kArgs, class Fn>
  void AddRows(std::string_view name, Fn fn) {
    Add(IdOf(name, {kArgs...}), [fn](const Expr& call) -> absl::StatusOr<std::unique_ptr<Kernel>> {
      return MakeRowKernel<kResult, kArgs...>(call.type, fn);
    });
  }
  // "name(integer,text)".
  static std::string IdOf(std::string_view name, std::initializer_list<TypeKind> kinds);

 private:
  absl::flat_hash_map<std::string, KernelFactory> factories_;
};

// All kernels. Lives for the process.
const KernelRegistry& AllKernels();

void AddArithmeticKernels(KernelRegistry& registry);
void AddNumericKernels(KernelRegistry& registry);
void AddComparisonKernels(KernelRegistry& registry);
void AddMathKernels(KernelRegistry& registry);
void AddTextKernels(KernelRegistry& registry);
void AddTextPieceKernels(KernelRegistry& registry);
void AddConcatKernels(KernelRegistry& registry);
void AddPatternKernels(KernelRegistry& registry);
void AddRegexKernels(KernelRegistry& registry);
void AddBytesKernels(KernelRegistry& registry);
void AddTimeKernels(KernelRegistry& registry);
void AddDateFieldKernels(KernelRegistry& registry);
void AddGreatestKernels(KernelRegistry& registry);

// The kernel of a cast, which takes one argument. INVALID_ARGUMENT when there is none. Types that
// lie in a batch alike need no kernel: nullptr.
absl::StatusOr<std::unique_ptr<Kernel>> MakeCastKernel(const DataType& from, const DataType& to);

// The literal argument `index` of a call, or nullptr when it is computed or NULL.
const Value* LiteralArgument(const Expr& call, int index);

}  // namespace weir::expr

#endif  // WEIR_OPERATORS_EXPR_KERNEL_REGISTRY_H_
