// Operators and functions: finding the overload, casting arguments to it, refusing with advice.
#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "model/functions.h"
#include "model/options.h"
#include "model/regex.h"
#include "sql/bind_expr.h"
#include "sql/literal.h"
#include "sql/overload.h"
#include "sql/rewrite.h"

namespace weir {
namespace {

struct OperatorName {
  std::string_view symbol;
  std::string_view function;
};

constexpr OperatorName kBinary[] = {
    {"+", "add"}, {"-", "subtract"},   {"*", "multiply"}, {"/", "divide"},      {"%", "modulo"},
    {"=", "eq"},  {"<>", "ne"},        {"<", "lt"},       {"<=", "le"},         {">", "gt"},
    {">=", "ge"}, {"||", "concat_op"}, {"^", "power"},    {"~", "regexp_like"},
};

// In the list of signatures but not functions of SQL.
constexpr std::string_view kOperatorFunctions[] = {
    "add", "subtract", "multiply", "divide", "modulo", "negate", "eq",        "ne",
    "lt",  "le",       "gt",       "ge",     "like",   "ilike",  "concat_op", "is_distinct_from"};

constexpr std::string_view kAggregates[] = {"count",    "sum",      "avg",         "min",
                                            "max",      "stddev",   "stddev_samp", "variance",
                                            "var_samp", "bool_and", "bool_or",     "every"};

// Aggregates of PostgreSQL that aren't here, so that the error doesn't call them unknown.
constexpr std::string_view kOtherAggregates[] = {"array_agg",
                                                 "string_agg",
                                                 "json_agg",
                                                 "jsonb_agg",
                                                 "json_object_agg",
                                                 "jsonb_object_agg",
                                                 "stddev_pop",
                                                 "var_pop",
                                                 "corr",
                                                 "covar_pop",
                                                 "covar_samp",
                                                 "bit_and",
                                                 "bit_or",
                                                 "mode",
                                                 "percentile_cont",
                                                 "percentile_disc",
                                                 "approx_count_distinct",
                                                 "first_value",
                                                 "last_value",
                                                 "any_value",
                                                 "listagg",
                                                 "collect"};

struct Instead {
  std::string_view name;
  std::string_view message;
};

constexpr std::string_view kNoClock =
    " isn't supported: a replay after a failure would compute something else; use _timestamp, the "
    "record's time in Kafka";
constexpr std::string_view kNoDice =
    " isn't supported: a replay after a failure would compute something else";

constexpr Instead kRefusedFunctions[] = {
    {"now", kNoClock},
    {"clock_timestamp", kNoClock},
    {"statement_timestamp", kNoClock},
    {"transaction_timestamp", kNoClock},
    {"timeofday", kNoClock},
    {"random", kNoDice},
    {"gen_random_uuid", kNoDice},
    {"tumble", " stands in FROM: FROM tumble(table, column, INTERVAL '5 minutes')"},
    {"hop", " stands in FROM: FROM hop(table, column, INTERVAL '1 minute', INTERVAL '5 minutes')"},
    {"tumble_start", " isn't needed: select window_start"},
    {"tumble_end", " isn't needed: select window_end"},
    {"row_number", " isn't supported yet"},
    {"ifnull", " doesn't exist; write coalesce(a, b)"},
    {"nvl", " doesn't exist; write coalesce(a, b)"},
    {"if", " doesn't exist; write CASE WHEN condition THEN a ELSE b END"},
    {"to_char", " isn't supported yet; cast with CAST(x AS TEXT)"},
    {"to_date", " isn't supported yet; cast with CAST(x AS DATE)"},
    {"to_number", " isn't supported yet; cast with CAST(x AS NUMERIC(p,s))"},
};

constexpr std::string_view kTruncFields[] = {
    "microseconds", "milliseconds", "second", "minute", "hour",    "day",       "week",
    "month",        "quarter",      "year",   "decade", "century", "millennium"};
constexpr std::string_view kExtractFields[] = {
    "century", "day",     "decade", "dow",          "doy",           "epoch",           "hour",
    "isodow",  "isoyear", "julian", "microseconds", "millennium",    "milliseconds",    "minute",
    "month",   "quarter", "second", "timezone",     "timezone_hour", "timezone_minute", "week",
    "year"};

template <size_t n>
bool Contains(const std::string_view (&list)[n], std::string_view word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

std::string TypeText(const Bound& arg) { return arg.untyped ? "unknown" : ToString(arg.expr.type); }

}  // namespace

bool IsAggregateName(std::string_view name) { return Contains(kAggregates, name); }

bool ContainsAggregate(const AstExpr& ast) {
  if (ast.kind == AstKind::kFunction && IsAggregateName(ast.text)) return true;
  return std::any_of(ast.args.begin(), ast.args.end(), ContainsAggregate);
}

std::string DefaultName(const AstExpr& ast) {
  switch (ast.kind) {
    case AstKind::kColumn:
      return ast.path.back().text;
    case AstKind::kFunction:
      return ast.text;
    case AstKind::kCast: {
      const std::string inner = DefaultName(ast.args[0]);
      return inner == "?column?" ? ast.type.name : inner;
    }
    case AstKind::kCase:
      return "case";
    case AstKind::kCoalesce:
      return "coalesce";
    case AstKind::kGreatest:
      return "greatest";
    case AstKind::kLeast:
      return "least";
    case AstKind::kNullIf:
      return "nullif";
    default:
      return "?column?";
  }
}

absl::StatusOr<Bound> ExprBinder::BindOperator(const AstExpr& ast) {
  WEIR_ASSIGN_OR_RETURN(std::vector<Bound> args, BindArgs(ast));
  if (args.size() == 1) {
    if (ast.text == "-") return Call("negate", "-", std::move(args), ast.at);
    if (ast.text == "+") return std::move(args[0]);
    if (ast.text == "@") return Call("abs", "@", std::move(args), ast.at);
  }
  const auto known = std::find_if(std::begin(kBinary), std::end(kBinary),
                                  [&](const OperatorName& op) { return op.symbol == ast.text; });
  if (args.size() == 2 && known != std::end(kBinary)) {
    return Call(known->function, known->symbol, std::move(args), ast.at);
  }
  const bool any_case = ast.text == "~*" || ast.text == "!~*";
  if (args.size() == 2 && (any_case || ast.text == "!~")) {
    if (any_case) {
      args.push_back({LiteralExpr(Value{DataType::Of(TypeKind::kText), std::string("i")}), ast.at});
    }
    WEIR_ASSIGN_OR_RETURN(Bound match, Call("regexp_like", ast.text, std::move(args), ast.at));
    if (ast.text[0] == '!') match.expr = NotExpr(std::move(match.expr));
    return match;
  }
  return script_.Error(ast.at,
                       absl::StrCat("operator ", ast.text,
                                    " isn't supported; operators are + - * / "
                                    "% ^ = <> < <= > >= || ~ ~* !~ !~*, LIKE, ILIKE, IN, BETWEEN, "
                                    "IS [NOT] NULL, IS [NOT] DISTINCT FROM, AND, OR, NOT"));
}

absl::StatusOr<Bound> ExprBinder::BindFunction(const AstExpr& ast) {
  const std::string& name = ast.text;
  if (IsAggregateName(name)) {
    return script_.Error(
        ast.at, absl::StrCat("aggregate functions are not allowed in ", AbslView(clause_)));
  }
  if (FunctionsNamed(name).empty() || Contains(kOperatorFunctions, name)) {
    return UnknownFunction(ast);
  }
  if (ast.star || ast.distinct || ast.filter != nullptr) {
    return script_.Error(ast.at, absl::StrCat(name,
                                              " isn't an aggregate: *, DISTINCT and FILTER are "
                                              "for aggregates"));
  }
  WEIR_ASSIGN_OR_RETURN(std::vector<Bound> args, BindArgs(ast));
  if (name == "concat" || name == "concat_ws") {  // of anything, as text
    const DataType text = DataType::Of(TypeKind::kText);
    for (Bound& arg : args) {
      if (arg.untyped) continue;
      arg.expr = CastExpr(std::move(arg.expr), text, /*explicit_cast=*/true);
    }
  }
  WEIR_RETURN_IF_ERROR(CheckField(name, args));
  return Call(name, "", std::move(args), ast.at);
}

absl::Status ExprBinder::CheckField(std::string_view function,
                                    const std::vector<Bound>& args) const {
  const bool trunc = function == "date_trunc";
  if (!trunc && function != "extract" && function != "date_part") return absl::OkStatus();
  if (args.empty() || !args[0].untyped || args[0].expr.literal.is_null()) return absl::OkStatus();
  const std::string field = absl::AsciiStrToLower(std::get<std::string>(args[0].expr.literal.data));
  if (trunc ? Contains(kTruncFields, field) : Contains(kExtractFields, field)) {
    return absl::OkStatus();
  }
  std::vector<std::string> names;
  if (trunc) names.assign(std::begin(kTruncFields), std::end(kTruncFields));
  if (!trunc) names.assign(std::begin(kExtractFields), std::end(kExtractFields));
  // PostgreSQL reads "days" and "hours" too.
  const std::string near = NearestSpelling(field, names);
  if (!near.empty() && field == near + "s") return absl::OkStatus();
  return script_.Error(
      args[0].at,
      absl::StrCat("'", field, "' isn't a field of ", AbslView(function), "; ",
                   near.empty() ? absl::StrCat("fields are ", absl::StrJoin(names, ", "))
                                : absl::StrCat("did you mean '", near, "'?")));
}

absl::Status ExprBinder::CheckPattern(const FunctionSignature& signature, const Expr& call,
                                      int at) const {
  const bool replaces = signature.name == "regexp_replace";
  if (!replaces && signature.name != "regexp_like") return absl::OkStatus();
  const auto text_of = [&](size_t argument) -> const std::string* {
    const Expr& arg = call.args[argument];
    const bool literal = arg.kind == ExprKind::kLiteral && !arg.literal.is_null();
    return literal ? std::get_if<std::string>(&arg.literal.data) : nullptr;
  };
  const size_t flags_at = replaces ? 3 : 2;
  const bool has_flags = call.args.size() > flags_at;
  const std::string* pattern = text_of(1);
  const std::string* flags = has_flags ? text_of(flags_at) : nullptr;
  if (pattern == nullptr || (has_flags && flags == nullptr)) return absl::OkStatus();
  const Regex regex(*pattern, flags == nullptr ? "" : *flags, replaces);
  return regex.error().empty() ? absl::OkStatus() : script_.Error(at, regex.error());
}

absl::StatusOr<Bound> ExprBinder::Call(std::string_view name, std::string_view symbol,
                                       std::vector<Bound> args, int at) const {
  std::vector<ArgumentType> types;
  for (const Bound& arg : args) types.push_back({arg.expr.type, arg.untyped});
  absl::StatusOr<const FunctionSignature*> resolved =
      ResolveOverload(name, types, /*is_operator=*/!symbol.empty());
  if (!resolved.ok()) {
    return NoSuchCall(name, symbol, args, at, !absl::IsNotFound(resolved.status()));
  }
  const FunctionSignature& signature = **resolved;
  const int pattern_at = args.size() > 1 ? args[1].at : at;
  Expr expr;
  expr.kind = ExprKind::kCall;
  expr.function = signature.id;
  std::vector<DataType> arg_types;
  for (size_t i = 0; i < args.size(); ++i) {
    DataType target = DataType::Of(ParameterKind(signature, i));
    Bound& arg = args[i];
    if (target.kind == TypeKind::kNumeric) {
      if (arg.untyped && !arg.expr.literal.is_null()) {
        // As many digits as it has.
        absl::StatusOr<Value> number = NumberLiteral(std::get<std::string>(arg.expr.literal.data));
        if (!number.ok()) return script_.Error(arg.at, StdView(number.status().message()));
        target = number->type.kind == TypeKind::kNumeric ? number->type
                                                         : NumericOfInteger(number->type.kind);
      } else if (arg.untyped || arg.expr.type.kind == TypeKind::kNull) {
        target = DataType::Numeric(38, 0);
      } else {
        target = arg.expr.type.kind == TypeKind::kNumeric ? arg.expr.type
                                                          : NumericOfInteger(arg.expr.type.kind);
      }
    }
    WEIR_ASSIGN_OR_RETURN(Expr coerced, Coerce(std::move(arg), target, name));
    arg_types.push_back(coerced.type);
    expr.args.push_back(std::move(coerced));
  }
  WEIR_RETURN_IF_ERROR(CheckPattern(signature, expr, pattern_at));
  expr.type = ResultType(signature, arg_types);
  const bool rounds = signature.rule == ResultRule::kNumericRound && expr.args.size() == 2;
  if (rounds && expr.args[1].kind == ExprKind::kLiteral && !expr.args[1].literal.is_null()) {
    const int64_t digits = std::get<int64_t>(expr.args[1].literal.data);
    const int whole = expr.type.precision - expr.type.scale;
    const int scale = static_cast<int>(std::clamp<int64_t>(digits, 0, arg_types[0].scale));
    expr.type = DataType::Numeric(std::min(38, whole + scale), scale);
  }
  return Bound{std::move(expr), at, false};
}

absl::Status ExprBinder::NoSuchCall(std::string_view name, std::string_view symbol,
                                    const std::vector<Bound>& args, int at, bool ambiguous) const {
  std::string call;
  if (symbol.empty()) {
    call = absl::StrCat(AbslView(name), "(",
                        absl::StrJoin(args, ", ",
                                      [](std::string* out, const Bound& arg) {
                                        absl::StrAppend(out, TypeText(arg));
                                      }),
                        ")");
  } else if (args.size() == 1) {
    call = absl::StrCat(AbslView(symbol), " ", TypeText(args[0]));
  } else {
    call = absl::StrCat(TypeText(args[0]), " ", AbslView(symbol), " ", TypeText(args[1]));
  }
  const char* what = symbol.empty() ? "function " : "operator ";
  if (ambiguous) {
    return script_.Error(at, absl::StrCat(what, call,
                                          " is ambiguous; cast its arguments, as in "
                                          "CAST(x AS DOUBLE PRECISION)"));
  }
  const auto is_time = [](const Bound& arg) {
    return arg.expr.type.kind == TypeKind::kTimestamptz ||
           arg.expr.type.kind == TypeKind::kTimestamp;
  };
  if (name == "subtract" && args.size() == 2 && is_time(args[0]) && is_time(args[1])) {
    return script_.Error(at, absl::StrCat(what, call,
                                          " isn't supported: intervals are literals; for "
                                          "seconds write extract(epoch FROM a) - "
                                          "extract(epoch FROM b)"));
  }
  std::vector<std::string> overloads;
  if (symbol.empty()) {
    for (const FunctionSignature& signature : FunctionsNamed(name))
      overloads.push_back(signature.id);
  }
  return script_.Error(
      at,
      absl::StrCat(what, call, " doesn't exist; ",
                   overloads.empty() ? "cast one side, as in CAST(x AS TEXT)"
                                     : absl::StrCat("there is ", absl::StrJoin(overloads, ", "))));
}

absl::Status ExprBinder::UnknownFunction(const AstExpr& ast) const {
  for (const Instead& known : kRefusedFunctions) {
    if (known.name == ast.text) {
      return script_.Error(ast.at, absl::StrCat(ast.text, AbslView(known.message)));
    }
  }
  std::vector<std::string> aggregates(std::begin(kAggregates), std::end(kAggregates));
  if (Contains(kOtherAggregates, ast.text)) {
    return script_.Error(ast.at, absl::StrCat("aggregate ", ast.text,
                                              " isn't supported yet; "
                                              "aggregates are ",
                                              absl::StrJoin(aggregates, ", ")));
  }
  std::vector<std::string> names = std::move(aggregates);
  for (const FunctionSignature& signature : AllFunctions()) {
    if (Contains(kOperatorFunctions, signature.name)) continue;
    if (names.back() != signature.name) names.push_back(signature.name);
  }
  names.insert(names.end(), {"coalesce", "nullif"});
  const std::string near = NearestSpelling(ast.text, names);
  return script_.Error(
      ast.at, absl::StrCat("function ", ast.text, " doesn't exist",
                           near.empty() ? "" : absl::StrCat("; did you mean ", near, "?")));
}

}  // namespace weir
