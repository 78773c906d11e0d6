#include "operators/expr/kernel_registry.h"

#include "base/log.h"

namespace weir::expr {

void KernelRegistry::Add(std::string id, KernelFactory factory) {
  auto [it, added] = factories_.emplace(std::move(id), std::move(factory));
  WEIR_CHECK(added, "two kernels for ", it->first);
}

const KernelFactory* KernelRegistry::Find(std::string_view id) const {
  auto found = factories_.find(std::string(id));
  return found == factories_.end() ? nullptr : &found->second;
}

std::vector<std::string> KernelRegistry::Ids() const {
  std::vector<std::string> ids;
  for (const auto& [id, factory] : factories_) ids.push_back(id);
  return ids;
}

std::string KernelRegistry::IdOf(std::string_view name, std::initializer_list<TypeKind> kinds) {
  std::string id(name);
  char separator = '(';
  for (TypeKind kind : kinds) {
    id += separator;
    id += KindWord(kind);
    separator = ',';
  }
  return id + ")";
}

const KernelRegistry& AllKernels() {
  static const KernelRegistry* const registry = [] {
    auto* made = new KernelRegistry;
    AddArithmeticKernels(*made);
    AddNumericKernels(*made);
    AddComparisonKernels(*made);
    AddMathKernels(*made);
    AddTextKernels(*made);
    AddTextPieceKernels(*made);
    AddConcatKernels(*made);
    AddPatternKernels(*made);
    AddRegexKernels(*made);
    AddBytesKernels(*made);
    AddTimeKernels(*made);
    AddDateFieldKernels(*made);
    AddGreatestKernels(*made);
    return made;
  }();
  return *registry;
}

const Value* LiteralArgument(const Expr& call, int index) {
  const Expr& arg = call.args[index];
  return arg.kind == ExprKind::kLiteral && !arg.literal.is_null() ? &arg.literal : nullptr;
}

}  // namespace weir::expr
