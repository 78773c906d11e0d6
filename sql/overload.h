// Which function a call means, by the types of its arguments: PostgreSQL's rules (its manual,
// "Type Conversion").
#ifndef WEIR_SQL_OVERLOAD_H_
#define WEIR_SQL_OVERLOAD_H_

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "model/functions.h"
#include "model/types.h"

namespace weir {

struct ArgumentType {
  DataType type;
  bool untyped = false;  // a literal 'text' or NULL whose type the function decides
};

// NOT_FOUND when no overload takes the arguments, FAILED_PRECONDITION when several do equally well;
// without a message for people. The pointer lives as long as the process.
absl::StatusOr<const FunctionSignature*> ResolveOverload(std::string_view name,
                                                         std::span<const ArgumentType> args,
                                                         bool is_operator);

// The kind of parameter `i` of a call.
TypeKind ParameterKind(const FunctionSignature& signature, size_t i);

// The type that CASE, COALESCE, IN and the like bring `types` to; absent when two don't match.
std::optional<DataType> CommonType(std::span<const ArgumentType> types);

}  // namespace weir

#endif  // WEIR_SQL_OVERLOAD_H_
