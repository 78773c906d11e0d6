// Families of casts; MakeCastKernel (kernel.h) chooses among them.
#ifndef WEIR_OPERATORS_EXPR_CASTS_H_
#define WEIR_OPERATORS_EXPR_CASTS_H_

#include <memory>
#include <string>
#include <string_view>

#include "model/types.h"
#include "operators/expr/kernel_registry.h"

namespace weir::expr {

// Each returns nullptr when the pair isn't of its family.
std::unique_ptr<Kernel> MakeNumberCast(const DataType& from, const DataType& to);
std::unique_ptr<Kernel> MakeTimeCast(const DataType& from, const DataType& to);
std::unique_ptr<Kernel> MakeToTextCast(const DataType& from, const DataType& to);
std::unique_ptr<Kernel> MakeFromTextCast(const DataType& from, const DataType& to);
std::unique_ptr<Kernel> MakeJsonCast(const DataType& to);

// PostgreSQL's name of a type without precision, as its messages have it.
std::string TypeName(const DataType& type);
// "numeric field overflow: a field with precision 4, scale 2 must round to an absolute value less
// than 10^2".
std::string NumericOverflow(const DataType& type);
// Reads one value of a type out of text; fails the row when it isn't one.
template <TypeKind kKind>
CppType<kKind> FromText(const DataType& type, std::string_view text, Failure& fail);

}  // namespace weir::expr

#endif  // WEIR_OPERATORS_EXPR_CASTS_H_
