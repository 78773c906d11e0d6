#include "sql/overload.h"

#include <algorithm>

#include "absl/status/status.h"
#include "sql/literal.h"

namespace weir {
namespace {

enum class Category { kUnknown, kBoolean, kNumber, kString, kTime, kSpan, kOther };

Category CategoryOf(TypeKind kind) {
  switch (kind) {
    case TypeKind::kNull:
      return Category::kUnknown;
    case TypeKind::kBoolean:
      return Category::kBoolean;
    case TypeKind::kSmallint:
    case TypeKind::kInteger:
    case TypeKind::kBigint:
    case TypeKind::kReal:
    case TypeKind::kDouble:
    case TypeKind::kNumeric:
      return Category::kNumber;
    case TypeKind::kText:
      return Category::kString;
    case TypeKind::kDate:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestamptz:
      return Category::kTime;
    case TypeKind::kInterval:
      return Category::kSpan;
    case TypeKind::kBytea:
    case TypeKind::kUuid:
    case TypeKind::kJsonb:
      return Category::kOther;
  }
  return Category::kOther;
}

bool IsPreferred(TypeKind kind) {
  return kind == TypeKind::kBoolean || kind == TypeKind::kDouble || kind == TypeKind::kText ||
         kind == TypeKind::kTimestamptz || kind == TypeKind::kInterval;
}

using Candidates = std::vector<const FunctionSignature*>;

bool Takes(const FunctionSignature& signature, std::span<const ArgumentType> args) {
  const size_t parameters = signature.args.size();
  if (signature.variadic ? args.size() < parameters : args.size() != parameters) return false;
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i].untyped) continue;
    const DataType parameter = DataType::Of(ParameterKind(signature, i));
    if (CastAllowed(args[i].type, parameter) != CastContext::kImplicit) return false;
  }
  return true;
}

// Keeps the candidates with the highest score.
template <class Score>
void KeepBest(Candidates* candidates, Score score) {
  int best = 0;
  for (const FunctionSignature* candidate : *candidates) best = std::max(best, score(*candidate));
  std::erase_if(*candidates, [&](const auto* candidate) { return score(*candidate) < best; });
}

// An operator with one untyped side takes it to be of the other's type, if that exists.
const FunctionSignature* SameTypeOperator(const Candidates& candidates,
                                          std::span<const ArgumentType> args) {
  if (args.size() != 2 || args[0].untyped == args[1].untyped) return nullptr;
  const TypeKind known = args[0].untyped ? args[1].type.kind : args[0].type.kind;
  for (const FunctionSignature* candidate : candidates) {
    if (ParameterKind(*candidate, 0) == known && ParameterKind(*candidate, 1) == known) {
      return candidate;
    }
  }
  return nullptr;
}

// Narrows by the category each untyped argument ought to have. False when there is none.
bool KeepByCategory(Candidates* candidates, std::span<const ArgumentType> args) {
  for (size_t i = 0; i < args.size(); ++i) {
    if (!args[i].untyped) continue;
    Category category = CategoryOf(ParameterKind(*candidates->front(), i));
    bool string = false;
    bool same = true;
    for (const FunctionSignature* candidate : *candidates) {
      const Category here = CategoryOf(ParameterKind(*candidate, i));
      string = string || here == Category::kString;
      same = same && here == category;
    }
    if (string) category = Category::kString;
    if (!string && !same) return false;
    const bool has_preferred =
        std::any_of(candidates->begin(), candidates->end(), [&](const auto* candidate) {
          const TypeKind kind = ParameterKind(*candidate, i);
          return CategoryOf(kind) == category && IsPreferred(kind);
        });
    std::erase_if(*candidates, [&](const auto* candidate) {
      const TypeKind kind = ParameterKind(*candidate, i);
      return CategoryOf(kind) != category || (has_preferred && !IsPreferred(kind));
    });
  }
  return !candidates->empty();
}

// When all typed arguments have one type, the untyped ones have it too.
void KeepByKnownType(Candidates* candidates, std::span<const ArgumentType> args) {
  TypeKind known = TypeKind::kNull;
  for (const ArgumentType& arg : args) {
    if (arg.untyped) continue;
    if (known != TypeKind::kNull && known != arg.type.kind) return;
    known = arg.type.kind;
  }
  if (known == TypeKind::kNull) return;
  Candidates fitting;
  for (const FunctionSignature* candidate : *candidates) {
    bool fits = true;
    for (size_t i = 0; i < args.size(); ++i) {
      fits = fits && (!args[i].untyped || ParameterKind(*candidate, i) == known);
    }
    if (fits) fitting.push_back(candidate);
  }
  if (fitting.size() == 1) *candidates = fitting;
}

DataType WidestNumeric(const DataType& a, const DataType& b) {
  const auto numeric = [](const DataType& type) {
    return type.kind == TypeKind::kNumeric ? type : NumericOfInteger(type.kind);
  };
  const DataType left = numeric(a);
  const DataType right = numeric(b);
  const int scale = std::max(left.scale, right.scale);
  const int whole = std::max(left.precision - left.scale, right.precision - right.scale);
  return DataType::Numeric(std::min(38, whole + scale), scale);
}

}  // namespace

TypeKind ParameterKind(const FunctionSignature& signature, size_t i) {
  return signature.args[std::min(i, signature.args.size() - 1)];
}

absl::StatusOr<const FunctionSignature*> ResolveOverload(std::string_view name,
                                                         std::span<const ArgumentType> args,
                                                         bool is_operator) {
  Candidates candidates;
  for (const FunctionSignature& signature : FunctionsNamed(name)) {
    if (Takes(signature, args)) candidates.push_back(&signature);
  }
  if (candidates.empty()) return absl::NotFoundError("");
  if (is_operator) {
    if (const FunctionSignature* same = SameTypeOperator(candidates, args)) return same;
  }
  const auto exact = [&](const FunctionSignature& candidate, size_t i) {
    return !args[i].untyped && args[i].type.kind == ParameterKind(candidate, i);
  };
  KeepBest(&candidates, [&](const FunctionSignature& candidate) {
    int score = 0;
    for (size_t i = 0; i < args.size(); ++i) score += exact(candidate, i) ? 1 : 0;
    return score;
  });
  if (candidates.size() > 1) {
    KeepBest(&candidates, [&](const FunctionSignature& candidate) {
      int score = 0;
      for (size_t i = 0; i < args.size(); ++i) {
        const TypeKind kind = ParameterKind(candidate, i);
        const bool preferred = !args[i].untyped && IsPreferred(kind) &&
                               CategoryOf(kind) == CategoryOf(args[i].type.kind);
        score += exact(candidate, i) || preferred ? 1 : 0;
      }
      return score;
    });
  }
  if (candidates.size() > 1 && !KeepByCategory(&candidates, args)) {
    return absl::FailedPreconditionError("");
  }
  if (candidates.size() > 1) KeepByKnownType(&candidates, args);
  if (candidates.size() > 1) return absl::FailedPreconditionError("");
  return candidates.front();
}

std::optional<DataType> CommonType(std::span<const ArgumentType> types) {
  std::optional<DataType> common;
  for (const ArgumentType& next : types) {
    if (next.untyped || next.type.kind == TypeKind::kNull) continue;
    if (!common.has_value()) {
      common = next.type;
      continue;
    }
    if (*common == next.type) continue;
    if (CategoryOf(common->kind) != CategoryOf(next.type.kind)) return std::nullopt;
    const bool to_next = CastAllowed(*common, next.type) == CastContext::kImplicit;
    const bool to_common = CastAllowed(next.type, *common) == CastContext::kImplicit;
    const bool numeric = common->kind == TypeKind::kNumeric || next.type.kind == TypeKind::kNumeric;
    if (!to_next && !to_common) return std::nullopt;
    if (common->kind == next.type.kind || (numeric && to_next != to_common)) {
      const TypeKind wider = to_common ? common->kind : next.type.kind;
      common =
          wider == TypeKind::kNumeric ? WidestNumeric(*common, next.type) : DataType::Of(wider);
    } else if (to_next && !to_common) {
      common = next.type;
    }
  }
  if (!common.has_value()) common = DataType::Of(TypeKind::kText);
  return common;
}

}  // namespace weir
