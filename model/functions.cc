#include "model/functions.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "model/function_table.h"

namespace weir {
namespace {

constexpr int kMaxPrecision = 38;
// A product or quotient that needs more than 38 digits keeps this many behind the point.
constexpr int kCappedMultiplyScale = 19;
constexpr int kMinDivideScale = 16;

struct Registry {
  std::vector<FunctionSignature> all;
  absl::flat_hash_map<std::string_view, const FunctionSignature*> by_id;
};

const Registry& GlobalRegistry() {
  static const Registry* const registry = [] {
    FunctionTable table;
    AddOperatorFunctions(table);
    AddMathFunctions(table);
    AddTextFunctions(table);
    AddTimeFunctions(table);
    auto* made = new Registry{std::move(table).Take(), {}};
    for (const FunctionSignature& signature : made->all) {
      bool added = made->by_id.emplace(signature.id, &signature).second;
      WEIR_CHECK(added, "two functions have the id ", signature.id);
    }
    return made;
  }();
  return *registry;
}

DataType AsNumeric(const DataType& type) {
  return type.kind == TypeKind::kNumeric ? type : DataType::Numeric(kMaxPrecision, 0);
}

// The numeric that holds every value of both: what greatest and CASE need.
DataType CommonNumeric(const DataType& a, const DataType& b) {
  int scale = std::max(a.scale, b.scale);
  int whole = std::max(a.precision - a.scale, b.precision - b.scale);
  return DataType::Numeric(std::min(kMaxPrecision, whole + scale), scale);
}

DataType NumericAdd(const DataType& a, const DataType& b) {
  DataType common = CommonNumeric(a, b);
  common.precision = std::min(kMaxPrecision, common.precision + 1);
  return common;
}

DataType NumericMultiply(const DataType& a, const DataType& b) {
  int precision = a.precision + b.precision;
  int scale = a.scale + b.scale;
  if (precision <= kMaxPrecision) return DataType::Numeric(precision, scale);
  return DataType::Numeric(kMaxPrecision, std::min(scale, kCappedMultiplyScale));
}

DataType NumericRound(const FunctionSignature& signature, const DataType& a) {
  // With a number of digits the scale depends on its value: `sql/` narrows it when it is a literal.
  int scale = signature.args.size() > 1 ? a.scale : 0;
  int whole = a.precision - a.scale + 1;  // 9.9 rounds to 10
  return DataType::Numeric(std::min(kMaxPrecision, whole + scale), scale);
}

DataType FirstArgument(const FunctionSignature& signature, std::span<const DataType> types) {
  DataType result = types[0];
  if (!signature.variadic || result.kind != TypeKind::kNumeric) return result;
  for (const DataType& type : types) result = CommonNumeric(result, type);
  return result;
}

bool IsInteger(TypeKind kind) {
  return kind == TypeKind::kSmallint || kind == TypeKind::kInteger || kind == TypeKind::kBigint;
}

bool IsNumber(TypeKind kind) {
  return IsInteger(kind) || kind == TypeKind::kReal || kind == TypeKind::kDouble ||
         kind == TypeKind::kNumeric;
}

// PostgreSQL's pg_cast among numbers: what widens is implicit, what may lose is for assignment.
CastContext NumberCast(TypeKind from, TypeKind to) {
  auto rank = [](TypeKind kind) {
    switch (kind) {
      case TypeKind::kSmallint:
        return 0;
      case TypeKind::kInteger:
        return 1;
      case TypeKind::kBigint:
        return 2;
      case TypeKind::kNumeric:
        return 3;
      case TypeKind::kReal:
        return 4;
      default:
        return 5;
    }
  };
  return rank(from) <= rank(to) ? CastContext::kImplicit : CastContext::kAssignment;
}

CastContext TimeCast(TypeKind from, TypeKind to) {
  auto rank = [](TypeKind kind) {
    return kind == TypeKind::kDate ? 0 : kind == TypeKind::kTimestamp ? 1 : 2;
  };
  return rank(from) <= rank(to) ? CastContext::kImplicit : CastContext::kAssignment;
}

bool IsTime(TypeKind kind) {
  return kind == TypeKind::kDate || kind == TypeKind::kTimestamp || kind == TypeKind::kTimestamptz;
}

}  // namespace

const char* KindWord(TypeKind kind) {
  switch (kind) {
    case TypeKind::kNull:
      return "null";
    case TypeKind::kBoolean:
      return "boolean";
    case TypeKind::kSmallint:
      return "smallint";
    case TypeKind::kInteger:
      return "integer";
    case TypeKind::kBigint:
      return "bigint";
    case TypeKind::kReal:
      return "real";
    case TypeKind::kDouble:
      return "double";
    case TypeKind::kNumeric:
      return "numeric";
    case TypeKind::kText:
      return "text";
    case TypeKind::kBytea:
      return "bytea";
    case TypeKind::kDate:
      return "date";
    case TypeKind::kTimestamp:
      return "timestamp";
    case TypeKind::kTimestamptz:
      return "timestamptz";
    case TypeKind::kUuid:
      return "uuid";
    case TypeKind::kJsonb:
      return "jsonb";
    case TypeKind::kInterval:
      return "interval";
  }
  return "?";
}

void FunctionTable::Add(std::string_view name, std::initializer_list<TypeKind> args,
                        DataType result, SignatureTraits traits) {
  FunctionSignature signature;
  signature.name = std::string(name);
  signature.args = args;
  signature.variadic = traits.variadic;
  signature.strict = traits.strict;
  signature.fallible = traits.fallible;
  signature.rule = traits.rule;
  if (traits.rule == ResultRule::kFixed) signature.result = result;
  signature.id = signature.name + "(";
  for (size_t i = 0; i < signature.args.size(); ++i) {
    absl::StrAppend(&signature.id, i == 0 ? "" : ",", KindWord(signature.args[i]));
  }
  absl::StrAppend(&signature.id, traits.variadic ? "...)" : ")");
  signatures_.push_back(std::move(signature));
}

std::vector<FunctionSignature> FunctionTable::Take() && {
  std::stable_sort(
      signatures_.begin(), signatures_.end(),
      [](const FunctionSignature& a, const FunctionSignature& b) { return a.name < b.name; });
  return std::move(signatures_);
}

std::span<const FunctionSignature> AllFunctions() { return GlobalRegistry().all; }

std::span<const FunctionSignature> FunctionsNamed(std::string_view name) {
  struct ByName {
    bool operator()(const FunctionSignature& f, std::string_view n) const { return f.name < n; }
    bool operator()(std::string_view n, const FunctionSignature& f) const { return n < f.name; }
  };
  const std::vector<FunctionSignature>& all = GlobalRegistry().all;
  auto [begin, end] = std::equal_range(all.begin(), all.end(), name, ByName());
  return {begin, end};
}

const FunctionSignature* FindFunction(std::string_view id) {
  auto found = GlobalRegistry().by_id.find(id);
  return found == GlobalRegistry().by_id.end() ? nullptr : found->second;
}

DataType ResultType(const FunctionSignature& signature, std::span<const DataType> arg_types) {
  if (signature.rule == ResultRule::kFixed) return signature.result;
  WEIR_CHECK(!arg_types.empty(), signature.id);
  if (signature.rule == ResultRule::kFirstArgument) return FirstArgument(signature, arg_types);
  DataType a = AsNumeric(arg_types.front());
  DataType b = AsNumeric(arg_types.back());
  switch (signature.rule) {
    case ResultRule::kFixed:
    case ResultRule::kFirstArgument:
      break;
    case ResultRule::kNumericAdd:
      return NumericAdd(a, b);
    case ResultRule::kNumericMultiply:
      return NumericMultiply(a, b);
    case ResultRule::kNumericDivide:
      return DataType::Numeric(kMaxPrecision, std::max({kMinDivideScale, a.scale, b.scale}));
    case ResultRule::kNumericModulo:
      return DataType::Numeric(kMaxPrecision, std::max(a.scale, b.scale));
    case ResultRule::kNumericRound:
      return NumericRound(signature, a);
  }
  return signature.result;
}

CastContext CastAllowed(const DataType& from, const DataType& to) {
  if (to.kind == TypeKind::kNull) {
    return from.kind == TypeKind::kNull ? CastContext::kImplicit : CastContext::kNone;
  }
  if (from.kind == to.kind || from.kind == TypeKind::kNull) return CastContext::kImplicit;
  if (from.kind == TypeKind::kInterval || to.kind == TypeKind::kInterval) return CastContext::kNone;
  if (IsNumber(from.kind) && IsNumber(to.kind)) return NumberCast(from.kind, to.kind);
  if (IsTime(from.kind) && IsTime(to.kind)) return TimeCast(from.kind, to.kind);
  // Through the text form: every type reads and writes it.
  if (to.kind == TypeKind::kText) return CastContext::kAssignment;
  if (from.kind == TypeKind::kText) return CastContext::kExplicit;
  auto is = [&](TypeKind a, TypeKind b) { return from.kind == a && to.kind == b; };
  if (is(TypeKind::kInteger, TypeKind::kBoolean) || is(TypeKind::kBoolean, TypeKind::kInteger)) {
    return CastContext::kExplicit;
  }
  if (from.kind == TypeKind::kJsonb && (IsNumber(to.kind) || to.kind == TypeKind::kBoolean)) {
    return CastContext::kExplicit;
  }
  return CastContext::kNone;
}

}  // namespace weir
