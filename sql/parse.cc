#include "sql/parse.h"

#include <pg_query.h>

#include <algorithm>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/options.h"
#include "nlohmann/json.hpp"
#include "sql/lexer.h"
#include "sql/parse_tree.h"

namespace weir {
namespace {

constexpr std::string_view kStatements =
    "statements are CREATE TABLE ... WITH (...), CREATE VIEW ... AS SELECT, "
    "INSERT INTO ... SELECT, SET name = value and EXPLAIN INSERT ...";

// Reserved words that people like as column names.
constexpr std::string_view kReservedNames[] = {
    "all",        "analyse",      "analyze", "any",    "array",      "asc",     "both",
    "case",       "cast",         "check",   "column", "constraint", "default", "desc",
    "do",         "end",          "fetch",   "for",    "from",       "grant",   "group",
    "in",         "limit",        "offset",  "on",     "only",       "order",   "primary",
    "references", "session_user", "some",    "table",  "then",       "to",      "union",
    "unique",     "user",         "using",   "when",   "where",      "window",  "with"};

int ByteOfCharacter(std::string_view text, int character) {
  int at = 0;
  const int size = static_cast<int>(text.size());
  for (int seen = 0; at < size && seen < character; ++seen) {
    do ++at;
    while (at < size && (text[at] & 0xC0) == 0x80);
  }
  return at;
}

// What the parser met, and the word before it.
struct Neighbours {
  Token before;
  Token found;
  Token after;
};

Neighbours TokensAround(std::string_view text, int at) {
  Lexer lexer(text);
  Neighbours around;
  Token token = lexer.Next();
  for (; token.kind != TokenKind::kEnd && token.begin < at; token = lexer.Next()) {
    around.before = token;
  }
  around.found = token;
  around.after = token.kind == TokenKind::kEnd ? token : lexer.Next();
  return around;
}

bool BeginsStatement(const Neighbours& around, std::string_view before) {
  return around.before.end == 0 || before == ";";
}

// What to write instead, for mistakes that are common; "" when nothing is known.
std::string Advice(std::string_view text, int at) {
  const Neighbours around = TokensAround(text, at);
  const auto lower = [&](const Token& token) {
    return absl::AsciiStrToLower(std::string(text.substr(token.begin, token.end - token.begin)));
  };
  const std::string before = lower(around.before);
  const std::string found = lower(around.found);
  if (BeginsStatement(around, before)) {
    const std::vector<std::string> words = {"CREATE", "INSERT", "SET", "EXPLAIN"};
    const std::string near = NearestSpelling(found, words);
    return absl::StrCat("; ", near.empty() ? "" : absl::StrCat("did you mean ", near, "? "),
                        std::string(kStatements));
  }
  if (before == "watermark" && found == "for") {
    return "; the watermark is an option: WITH (..., event_time = 'column', "
           "watermark = '10 minutes')";
  }
  if (around.found.kind == TokenKind::kString && lower(around.after) == "=") {
    return "; names of options stand without quotes, as in connector = 'kafka'";
  }
  if (found == ".") {
    return "; a name with dots is written in double quotes, as in \"ssl.ca.location\" = "
           "'/etc/ca.pem'";
  }
  if (before == "(" && found == "table") {
    return "; window functions take names: tumble(events, eventTime, INTERVAL '5 minutes')";
  }
  const bool name_expected = before == "(" || before == "," || before == "." || before == "as" ||
                             before == "by" || before == "select" || before == "into";
  const bool reserved = std::find(std::begin(kReservedNames), std::end(kReservedNames), found) !=
                        std::end(kReservedNames);
  if (name_expected && reserved) {
    return absl::StrCat("; ", found, " is a reserved word: as a name it is written \"", found,
                        "\", in double quotes");
  }
  return "";
}

absl::Status SyntaxError(const Script& script, const PgQueryError& error) {
  const int at = ByteOfCharacter(script.filled(), std::max(0, error.cursorpos - 1));
  std::string message = error.message;
  // PostgreSQL says "at end of input" without a place.
  const bool at_end = error.cursorpos <= 0;
  const int place = at_end ? static_cast<int>(script.filled().size()) : at;
  const bool grammar = message.rfind("syntax error", 0) == 0;
  return script.Error(place, grammar && !at_end ? message + Advice(script.filled(), at) : message);
}

}  // namespace

absl::StatusOr<std::vector<Statement>> ParseScript(const Script& script) {
  const auto free_result = [](PgQueryParseResult* result) { pg_query_free_parse_result(*result); };
  PgQueryParseResult result = pg_query_parse(script.filled().c_str());
  const std::unique_ptr<PgQueryParseResult, decltype(free_result)> guard(&result, free_result);
  if (result.error != nullptr) return SyntaxError(script, *result.error);
  const Json tree = Json::parse(result.parse_tree, nullptr, /*allow_exceptions=*/false);
  const auto raw_statements = tree.find("stmts");
  std::vector<Statement> statements;
  if (tree.is_discarded() || raw_statements == tree.end()) {
    if (!tree.is_discarded() && tree.contains("version")) return statements;
    return script.Error(0, "the parser's answer can't be read; please report this script");
  }
  TreeReader reader(script);
  for (const Json& raw : *raw_statements) {
    WEIR_ASSIGN_OR_RETURN(Statement statement, reader.ReadStatement(raw));
    statements.push_back(std::move(statement));
  }
  return statements;
}

}  // namespace weir
