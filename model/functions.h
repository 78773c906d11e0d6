// Signatures of scalar functions and operators. `sql/` resolves overloads against this list without
// linking any kernel; `operators/expr` registers one kernel per id, and a test proves that none is
// missing.
#ifndef WEIR_MODEL_FUNCTIONS_H_
#define WEIR_MODEL_FUNCTIONS_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "model/types.h"

namespace weir {

// How the result type follows from the argument types.
enum class ResultRule {
  kFixed,            // `result`
  kFirstArgument,    // the type of args[0], precision and scale included (abs, greatest, ...)
  kNumericAdd,       // numeric + and -: scale = max, precision grows by one, capped at 38
  kNumericMultiply,  // scale = s1 + s2, precision = p1 + p2, capped at 38 (scale at 19 when capped)
  kNumericDivide,    // scale = max(16, s1, s2) as PostgreSQL's at least 16 digits, precision 38
  kNumericModulo,    // scale = max, precision 38
  kNumericRound,     // round/floor/ceil of numeric: scale 0, or 2nd argument when it is a literal
};

// Operators are functions with these names: add subtract multiply divide modulo negate, eq ne lt le
// gt ge is_distinct_from (IS NOT DISTINCT FROM = NOT of it), concat_op (||), like ilike.
// Everything else has its SQL name in lower case.
struct FunctionSignature {
  std::string
      id;  // "add(integer,integer)", "concat_ws(text,text...)"; stable: it is stored in plans
  std::string name;
  std::vector<TypeKind> args;  // of a variadic one, the last repeats once or more
  bool variadic = false;
  bool strict = true;     // NULL in any argument makes NULL without calling the kernel
  bool fallible = false;  // may fail on a row
  ResultRule rule = ResultRule::kFixed;
  DataType result;  // kFixed only
};

// All signatures, ordered by name. Lives for the process.
std::span<const FunctionSignature> AllFunctions();
// The overloads of `name` (lower case); empty when there is no such function.
std::span<const FunctionSignature> FunctionsNamed(std::string_view name);
// nullptr when there is none.
const FunctionSignature* FindFunction(std::string_view id);
// `arg_types` match signature.args in kind.
DataType ResultType(const FunctionSignature& signature, std::span<const DataType> arg_types);

// Whether CAST(from AS to) exists, and whether an assignment (INSERT) does it by itself, as in
// PostgreSQL: kImplicit is used by overload resolution too.
enum class CastContext { kNone, kExplicit, kAssignment, kImplicit };
CastContext CastAllowed(const DataType& from, const DataType& to);

}  // namespace weir

#endif  // WEIR_MODEL_FUNCTIONS_H_
