#include "sql/bind_aggregate.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "sql/rewrite.h"

namespace weir {
namespace {

struct AggregateName {
  std::string_view name;
  AggregateKind kind;
};

constexpr AggregateName kAggregates[] = {
    {"count", AggregateKind::kCount},
    {"sum", AggregateKind::kSum},
    {"avg", AggregateKind::kAvg},
    {"min", AggregateKind::kMin},
    {"max", AggregateKind::kMax},
    {"stddev", AggregateKind::kStddevSamp},
    {"stddev_samp", AggregateKind::kStddevSamp},
    {"variance", AggregateKind::kVarSamp},
    {"var_samp", AggregateKind::kVarSamp},
    {"bool_and", AggregateKind::kBoolAnd},
    {"every", AggregateKind::kBoolAnd},
    {"bool_or", AggregateKind::kBoolOr},
};

AggregateKind KindNamed(std::string_view name) {
  for (const AggregateName& known : kAggregates) {
    if (known.name == name) return known.kind;
  }
  return AggregateKind::kCount;
}

bool IsInteger(TypeKind kind) {
  return kind == TypeKind::kSmallint || kind == TypeKind::kInteger || kind == TypeKind::kBigint;
}

bool IsFloat(TypeKind kind) { return kind == TypeKind::kReal || kind == TypeKind::kDouble; }

// PostgreSQL's result types; absent when the function doesn't take the type. An average of integers
// has 16 digits behind the point.
std::optional<DataType> SumType(const DataType& argument) {
  if (argument.kind == TypeKind::kBigint) return DataType::Numeric(38, 0);
  if (IsInteger(argument.kind)) return DataType::Of(TypeKind::kBigint);
  if (IsFloat(argument.kind)) return argument;
  if (argument.kind == TypeKind::kNumeric) return DataType::Numeric(38, argument.scale);
  return std::nullopt;
}

std::optional<DataType> AverageType(const DataType& argument) {
  if (IsInteger(argument.kind)) return DataType::Numeric(38, 16);
  if (IsFloat(argument.kind)) return DataType::Of(TypeKind::kDouble);
  if (argument.kind != TypeKind::kNumeric) return std::nullopt;
  return DataType::Numeric(38, std::max(16, argument.scale));
}

std::optional<DataType> ExtremeType(const DataType& argument) {
  const bool unordered = argument.kind == TypeKind::kBoolean || argument.kind == TypeKind::kJsonb ||
                         argument.kind == TypeKind::kInterval || argument.kind == TypeKind::kNull;
  return unordered ? std::nullopt : std::optional<DataType>(argument);
}

std::optional<DataType> CallType(AggregateKind kind, const DataType& argument) {
  switch (kind) {
    case AggregateKind::kCountStar:
    case AggregateKind::kCount:
      return DataType::Of(TypeKind::kBigint);
    case AggregateKind::kCountDistinct:
      if (argument.kind == TypeKind::kJsonb) return std::nullopt;
      return DataType::Of(TypeKind::kBigint);
    case AggregateKind::kSum:
      return SumType(argument);
    case AggregateKind::kAvg:
      return AverageType(argument);
    case AggregateKind::kMin:
    case AggregateKind::kMax:
      return ExtremeType(argument);
    case AggregateKind::kStddevSamp:
    case AggregateKind::kVarSamp:
      if (!SumType(argument).has_value()) return std::nullopt;
      return DataType::Of(TypeKind::kDouble);
    case AggregateKind::kBoolAnd:
    case AggregateKind::kBoolOr:
      if (argument.kind != TypeKind::kBoolean) return std::nullopt;
      return argument;
  }
  return std::nullopt;
}

bool NeverNull(AggregateKind kind) {
  return kind == AggregateKind::kCountStar || kind == AggregateKind::kCount ||
         kind == AggregateKind::kCountDistinct;
}

std::vector<bool> Nullability(const Relation& relation) {
  std::vector<bool> nullable;
  for (const RelationColumn& column : relation.columns) nullable.push_back(column.nullable);
  return nullable;
}

}  // namespace

absl::Status AggregateNames::AddKey(const AstExpr& ast) {
  if (ast.kind == AstKind::kColumn) {
    WEIR_ASSIGN_OR_RETURN(const int column, rows_.FindColumn(ast));
    const ColumnRole role = input_.columns[column].role;
    if (role == ColumnRole::kWindowStart || role == ColumnRole::kWindowEnd) {
      has_window_key_ = true;
      return absl::OkStatus();
    }
  }
  ExprBinder binder(script_, input_, "GROUP BY");
  WEIR_ASSIGN_OR_RETURN(Bound key, binder.Bind(ast));
  if (key.untyped) {
    WEIR_ASSIGN_OR_RETURN(key.expr, binder.Coerce(key, DataType::Of(TypeKind::kText), "GROUP BY"));
  }
  if (key.expr.type.kind == TypeKind::kJsonb || key.expr.type.kind == TypeKind::kInterval) {
    return script_.Error(ast.at, absl::StrCat("rows can't be grouped by ", ToString(key.expr.type),
                                              ": two spellings of one value would be two groups; "
                                              "group by CAST(... AS TEXT)"));
  }
  auto& keys = aggregate_.keys;
  if (std::find(keys.begin(), keys.end(), key.expr) != keys.end()) return absl::OkStatus();
  aggregate_.key_nullable.push_back(CanBeNull(key.expr, Nullability(input_)));
  const std::string name = DefaultName(ast);
  aggregate_.key_names.push_back(ast.kind == AstKind::kColumn
                                     ? input_.columns[key.expr.column].name
                                     : absl::StrCat("key", keys.size() + 1));
  keys.push_back(std::move(key.expr));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Bound>> AggregateNames::Find(const AstExpr& ast) {
  if (ast.kind == AstKind::kFunction && IsAggregateName(ast.text)) {
    WEIR_ASSIGN_OR_RETURN(Bound call, BindCall(ast));
    return call;
  }
  const DataType timestamptz = DataType::Of(TypeKind::kTimestamptz);
  if (ast.kind == AstKind::kColumn) {
    WEIR_ASSIGN_OR_RETURN(const int column, rows_.FindColumn(ast));
    const RelationColumn& found = input_.columns[column];
    if (found.role == ColumnRole::kWindowStart) {
      return Bound{ColumnExpr(kWindowStartColumn, timestamptz), ast.at};
    }
    if (found.role == ColumnRole::kWindowEnd) {
      return Bound{ColumnExpr(kWindowEndColumn, timestamptz), ast.at};
    }
  }
  if (!ContainsAggregate(ast)) {
    absl::StatusOr<Bound> row = rows_.Bind(ast);
    const auto& keys = aggregate_.keys;
    if (row.ok() && !row->untyped) {
      const auto key = std::find(keys.begin(), keys.end(), row->expr);
      if (key != keys.end()) {
        const int column = kFirstKeyColumn + static_cast<int>(key - keys.begin());
        return Bound{ColumnExpr(column, row->expr.type), ast.at};
      }
    }
  }
  if (ast.kind != AstKind::kColumn) return std::nullopt;
  const std::string name =
      absl::StrCat(input_.alias, input_.alias.empty() ? "" : ".", ast.path.back().text);
  return script_.Error(ast.at, absl::StrCat("column \"", name,
                                            "\" must appear in the GROUP BY clause "
                                            "or be used in an aggregate function"));
}

absl::StatusOr<Bound> AggregateNames::BindCall(const AstExpr& ast) {
  WEIR_ASSIGN_OR_RETURN(BoundCall call, MakeCall(ast));
  auto& calls = aggregate_.calls;
  const size_t index = std::find(calls.begin(), calls.end(), call) - calls.begin();
  if (index == calls.size()) calls.push_back(call);
  const int column = kFirstKeyColumn + static_cast<int>(aggregate_.keys.size() + index);
  return Bound{ColumnExpr(column, call.result), ast.at};
}

absl::StatusOr<BoundCall> AggregateNames::MakeCall(const AstExpr& ast) {
  BoundCall call;
  call.kind = KindNamed(ast.text);
  for (const AstExpr& arg : ast.args) {
    if (ContainsAggregate(arg)) {
      return script_.Error(arg.at, "aggregate function calls cannot be nested");
    }
  }
  if (ast.filter != nullptr) {
    ExprBinder binder(script_, input_, "FILTER");
    WEIR_ASSIGN_OR_RETURN(call.filter, binder.BindCondition(*ast.filter));
  }
  if (ast.star) {
    if (call.kind != AggregateKind::kCount) {
      return script_.Error(ast.at, absl::StrCat(ast.text, "(*) doesn't exist; * is for count"));
    }
    call.kind = AggregateKind::kCountStar;
    call.result = DataType::Of(TypeKind::kBigint);
    return call;
  }
  return CheckArgument(ast, std::move(call));
}

absl::StatusOr<BoundCall> AggregateNames::CheckArgument(const AstExpr& ast, BoundCall call) const {
  if (ast.args.size() != 1) {
    return script_.Error(
        ast.at,
        absl::StrCat("aggregate ", ast.text, " takes one argument",
                     call.kind == AggregateKind::kCount ? "; to count rows write count(*)" : ""));
  }
  if (ast.distinct) {
    // PostgreSQL allows it everywhere; to these it makes no difference.
    const bool indifferent = call.kind == AggregateKind::kMin || call.kind == AggregateKind::kMax ||
                             call.kind == AggregateKind::kBoolAnd ||
                             call.kind == AggregateKind::kBoolOr;
    if (call.kind == AggregateKind::kCount) {
      call.kind = AggregateKind::kCountDistinct;
    } else if (!indifferent) {
      return script_.Error(
          ast.at, absl::StrCat("DISTINCT isn't supported in ", ast.text, " yet; it is in count"));
    }
  }
  ExprBinder binder(script_, input_, "an aggregate");
  WEIR_ASSIGN_OR_RETURN(Bound arg, binder.Bind(ast.args[0]));
  if (arg.untyped && NeverNull(call.kind)) {
    WEIR_ASSIGN_OR_RETURN(arg.expr, binder.Coerce(arg, DataType::Of(TypeKind::kText), ast.text));
    arg.untyped = false;
  }
  const std::optional<DataType> result =
      arg.untyped ? std::nullopt : CallType(call.kind, arg.expr.type);
  if (!result.has_value()) {
    return script_.Error(ast.at, absl::StrCat("function ", ast.text, "(",
                                              arg.untyped ? "unknown" : ToString(arg.expr.type),
                                              ") doesn't exist; cast its argument"));
  }
  call.result = *result;
  const bool variance =
      call.kind == AggregateKind::kStddevSamp || call.kind == AggregateKind::kVarSamp;
  call.argument = variance ? CastExpr(std::move(arg.expr), DataType::Of(TypeKind::kDouble),
                                      /*explicit_cast=*/false)
                           : std::move(arg.expr);
  return call;
}

Relation AggregateNames::Output() const {
  Relation output;
  output.alias = input_.alias;
  const DataType timestamptz = DataType::Of(TypeKind::kTimestamptz);
  output.columns.push_back({"window_start", timestamptz, false});
  output.columns.push_back({"window_end", timestamptz, false});
  for (size_t i = 0; i < aggregate_.keys.size(); ++i) {
    output.columns.push_back(
        {aggregate_.key_names[i], aggregate_.keys[i].type, aggregate_.key_nullable[i]});
  }
  for (const BoundCall& call : aggregate_.calls) {
    output.columns.push_back({"", call.result, !NeverNull(call.kind)});
  }
  return output;
}

}  // namespace weir
