#include "sql/fingerprint.h"

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace weir {
namespace {

// Lengths in front of names keep ("a","bc") apart from ("ab","c").
std::string Sized(const std::string& text) { return absl::StrCat(text.size(), ":", text); }

const char* KindName(ExprKind kind) {
  switch (kind) {
    case ExprKind::kColumn:
      return "column";
    case ExprKind::kLiteral:
      return "literal";
    case ExprKind::kCall:
      return "call";
    case ExprKind::kCast:
      return "cast";
    case ExprKind::kAnd:
      return "and";
    case ExprKind::kOr:
      return "or";
    case ExprKind::kNot:
      return "not";
    case ExprKind::kIsNull:
      return "is_null";
    case ExprKind::kCase:
      return "case";
    case ExprKind::kCoalesce:
      return "coalesce";
  }
  return "?";
}

// Views over views that name a column twice each would double its text at every level. A hash of it
// says the same.
constexpr size_t kLineageBytesMax = 4'096;

std::string Shortened(std::string text) {
  if (text.size() <= kLineageBytesMax) return text;
  return absl::StrCat("(hash ", text.size(), " ", Fingerprint(text), ")");
}

std::string CallText(const AggregateCall& call, const Lineage& input) {
  std::string text = absl::StrCat("aggregate ", static_cast<int>(call.kind), " ",
                                  Sized(ToString(call.result_type)));
  if (call.argument >= 0) absl::StrAppend(&text, " of ", Sized(input[call.argument]));
  if (call.filter >= 0) absl::StrAppend(&text, " where ", Sized(input[call.filter]));
  return text;
}

std::string WindowText(const WindowSpec& window) {
  return absl::StrCat("window ", window.size_us, " ", window.slide_us, " ", window.origin_us);
}

}  // namespace

std::string Fingerprint(std::string_view text) {
  constexpr absl::uint128 kPrime = absl::MakeUint128(0x0000000001000000, 0x000000000000013B);
  absl::uint128 hash = absl::MakeUint128(0x6c62272e07bb0142, 0x62b821756295c58d);
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= kPrime;
  }
  return absl::StrFormat("%016x", absl::Uint128High64(hash) ^ absl::Uint128Low64(hash));
}

std::string Canonical(const Expr& expr, const Lineage& input) {
  if (expr.kind == ExprKind::kColumn) return input[expr.column];
  std::string text = absl::StrCat("(", KindName(expr.kind), " ", Sized(ToString(expr.type)));
  if (expr.kind == ExprKind::kLiteral) absl::StrAppend(&text, " ", Sized(ToString(expr.literal)));
  if (expr.kind == ExprKind::kCall) absl::StrAppend(&text, " ", Sized(expr.function));
  if (expr.explicit_cast) absl::StrAppend(&text, " explicit");
  for (const Expr& arg : expr.args) absl::StrAppend(&text, " ", Canonical(arg, input));
  return text + ")";
}

Lineage LineageOf(const Schema& source_output) {
  Lineage lineage;
  for (const Column& column : source_output.columns) {
    lineage.push_back(
        absl::StrCat("(source ", Sized(column.name), " ", Sized(ToString(column.type)), ")"));
  }
  return lineage;
}

Lineage LineageOf(const std::vector<Expr>& exprs, const Lineage& input) {
  Lineage lineage;
  for (const Expr& expr : exprs) lineage.push_back(Shortened(Canonical(expr, input)));
  return lineage;
}

Lineage LineageOf(const AggregateSpec& spec, const Lineage& input) {
  const std::string window = WindowText(spec.window);
  Lineage lineage = {absl::StrCat("(start ", window, ")"), absl::StrCat("(end ", window, ")")};
  for (int key : spec.key_columns) lineage.push_back(absl::StrCat("(key ", input[key], ")"));
  for (const AggregateCall& call : spec.aggregates) {
    lineage.push_back(Shortened(absl::StrCat("(", CallText(call, input), ")")));
  }
  return lineage;
}

std::string Canonical(const AggregateSpec& spec, const Lineage& input) {
  std::string text =
      absl::StrCat(WindowText(spec.window), " time ", Sized(input[spec.time_column]));
  for (int key : spec.key_columns) absl::StrAppend(&text, " key ", Sized(input[key]));
  for (const AggregateCall& call : spec.aggregates) {
    absl::StrAppend(&text, " ", Sized(CallText(call, input)));
  }
  return text;
}

}  // namespace weir
