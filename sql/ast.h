// A script as written, without meaning yet: what parse.cc makes of libpg_query's tree. Everything
// carries `at`, its first byte in Script::filled(). What Weir can't do is refused before it gets
// here, so each node holds only what the binder handles.
#ifndef WEIR_SQL_AST_H_
#define WEIR_SQL_AST_H_

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace weir {

// An identifier with the spelling of the script. Unquoted ones compare ignoring case.
struct Name {
  std::string text;
  bool quoted = false;
  int at = -1;
};

struct TypeName {
  std::string name;            // as PostgreSQL knows it: "int4", "timestamptz", "text", "money"
  std::string written;         // as the script has it: "BIGINT"
  std::vector<int> modifiers;  // of numeric(10,2)
  int at = -1;
};

enum class AstKind {
  kColumn,    // path
  kStar,      // path = qualifier, maybe empty
  kNumber,    // text: "12", "1.5", "1e3", "-2147483648"
  kString,    // text
  kBoolean,   // text: "true", "false"
  kNull,      //
  kOperator,  // text "+", ...; one or two args
  kFunction,  // text, args; or `star`, `distinct`, `filter` of an aggregate
  kNamedArg,  // text => args[0]; arguments of window functions only
  kSubquery,  // select; argument of a window function only
  kCast,      // args[0] to type
  kAnd,
  kOr,      // args
  kNot,     // args[0]
  kIsNull,  // args[0]; `negated` IS NOT NULL
  kIsTrue,
  kIsFalse,
  kIsUnknown,  // args[0]; `negated` IS NOT ...
  kCase,       // [operand if has_operand] when, then, ..., else
  kCoalesce,
  kGreatest,
  kLeast,
  kNullIf,   // args
  kIn,       // args[0] IN the rest; `negated`
  kBetween,  // args[0] between args[1] and args[2]; `negated`
  kLike,
  kILike,     // args[0] like args[1]; `negated`
  kDistinct,  // args[0] IS DISTINCT FROM args[1]; `negated`
};

struct SelectNode;

struct AstExpr {
  AstKind kind = AstKind::kNull;
  int at = -1;
  std::string text;
  std::vector<Name> path;
  std::vector<AstExpr> args;
  TypeName type;
  std::shared_ptr<SelectNode> select;  // shared: expressions are copied, their subqueries aren't
  std::shared_ptr<AstExpr> filter;     // likewise
  bool negated = false;
  bool star = false;
  bool distinct = false;
  bool has_operand = false;
};

struct SelectItem {
  AstExpr expr;
  std::string alias;  // empty: none
};

// What FROM names.
struct FromItem {
  enum class Kind { kTable, kSubquery, kFunction };
  Kind kind = Kind::kTable;
  int at = -1;
  Name table;                          // kTable
  std::shared_ptr<SelectNode> select;  // kSubquery; shared with copies of the node
  AstExpr function;                    // kFunction
  std::string alias;
  std::vector<std::string> column_aliases;
};

struct CommonTable {
  Name name;
  std::vector<std::string> columns;
  std::shared_ptr<SelectNode> select;  // shared with copies of the node
};

struct SelectNode {
  int at = -1;
  std::vector<CommonTable> with;
  std::vector<SelectItem> items;
  FromItem from;
  std::optional<AstExpr> where;
  std::vector<AstExpr> group_by;
  std::optional<AstExpr> having;
};

struct ColumnDefinition {
  Name name;
  TypeName type;
  bool not_null = false;
};

struct OptionDefinition {
  std::string name;
  std::string value;
  int at = -1;
  int value_at = -1;
};

struct CreateTable {
  Name name;
  std::vector<ColumnDefinition> columns;
  std::vector<OptionDefinition> options;
};

struct CreateView {
  Name name;
  std::vector<std::string> columns;
  std::shared_ptr<SelectNode> select;  // shared: every query that names the view binds it
};

struct SetOption {
  OptionDefinition option;
};

struct Insert {
  Name table;
  std::vector<Name> columns;
  std::shared_ptr<SelectNode> select;  // shared with copies of the statement
  bool explain = false;
};

struct Statement {
  int at = -1;
  std::variant<CreateTable, CreateView, SetOption, Insert> node;
};

}  // namespace weir

#endif  // WEIR_SQL_AST_H_
