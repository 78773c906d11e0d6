// Statements of libpg_query's tree: CREATE TABLE, CREATE VIEW, SET, INSERT, EXPLAIN.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "nlohmann/json.hpp"
#include "sql/lexer.h"
#include "sql/parse_tree.h"

namespace weir {
namespace {

constexpr std::string_view kStatements =
    "statements are CREATE TABLE ... WITH (...), CREATE VIEW ... AS SELECT, "
    "INSERT INTO ... SELECT, SET name = value and EXPLAIN INSERT ...";

struct Instead {
  std::string_view kind;
  std::string_view message;
};

constexpr Instead kOtherStatements[] = {
    {"SelectStmt",
     "a SELECT by itself has nowhere to put its rows; write INSERT INTO <table> SELECT ..."},
    {"CreateTableAsStmt",
     "CREATE TABLE AS and materialized views aren't supported; declare the table with "
     "CREATE TABLE ... WITH (...) and fill it with INSERT INTO ... SELECT"},
    {"CompositeTypeStmt",
     "CREATE TYPE isn't supported yet; declare the nested value as a JSONB column"},
    {"UpdateStmt", "UPDATE isn't supported: a job appends the result of its query"},
    {"DeleteStmt", "DELETE isn't supported: a job appends the result of its query"},
    {"DropStmt", "DROP isn't supported: a script declares what its job needs, nothing outlives it"},
    {"CreateFunctionStmt", "CREATE FUNCTION isn't supported: submitting a job never runs code"},
    {"TransactionStmt", "transactions aren't written: a job commits exactly once by itself"},
};

constexpr Instead kConstraints[] = {
    {"CONSTR_PRIMARY",
     "PRIMARY KEY isn't supported yet: rows are appended when their window closes; leave it out"},
    {"CONSTR_CHECK", "CHECK isn't supported yet; filter with WHERE in the INSERT"},
    {"CONSTR_DEFAULT",
     "DEFAULT isn't supported; write the value in the SELECT, or coalesce(column, value)"},
    {"CONSTR_UNIQUE", "UNIQUE isn't supported: nothing checks it in a lake table; leave it out"},
    {"CONSTR_FOREIGN",
     "REFERENCES isn't supported: nothing checks it in a lake table; leave it out"},
    {"CONSTR_GENERATED", "generated columns aren't supported; compute the value in the SELECT"},
    {"CONSTR_IDENTITY", "identity columns aren't supported"},
};

std::string_view ConstraintMessage(std::string_view kind) {
  for (const Instead& known : kConstraints) {
    if (known.kind == kind) return known.message;
  }
  return "this constraint isn't supported; leave it out";
}

}  // namespace

absl::StatusOr<Statement> TreeReader::ReadStatement(const Json& raw) {
  TreeNode statement("RawStmt", raw);
  const int begin = statement.Number("stmt_location");
  const int at = Lexer(script_.filled(), begin).Next().begin;
  statement.Field("stmt_len");
  TreeNode node = TreeNode::Wrapped(*statement.Field("stmt"));
  return ReadNode(std::move(node), at, /*explain=*/false);
}

absl::StatusOr<Statement> TreeReader::ReadNode(TreeNode node, int at, bool explain) {
  Statement statement;
  statement.at = at;
  if (node.kind() == "InsertStmt") {
    WEIR_ASSIGN_OR_RETURN(Insert insert, ReadInsert(node));
    insert.explain = explain;
    statement.node = std::move(insert);
  } else if (explain) {
    return Refuse(at, "EXPLAIN takes an INSERT: EXPLAIN INSERT INTO <table> SELECT ...");
  } else if (node.kind() == "ExplainStmt") {
    if (!node.List("options").empty()) {
      return Refuse(at, "EXPLAIN has no options here; write EXPLAIN INSERT INTO ... SELECT ...");
    }
    TreeNode query = TreeNode::Wrapped(*node.Field("query"));
    WEIR_RETURN_IF_ERROR(CheckRead(node, at, "EXPLAIN"));
    return ReadNode(std::move(query), at, /*explain=*/true);
  } else if (node.kind() == "CreateStmt") {
    WEIR_ASSIGN_OR_RETURN(statement.node, ReadCreateTable(node));
  } else if (node.kind() == "ViewStmt") {
    WEIR_ASSIGN_OR_RETURN(statement.node, ReadCreateView(node));
  } else if (node.kind() == "VariableSetStmt") {
    WEIR_ASSIGN_OR_RETURN(statement.node, ReadSet(node, at));
  } else {
    for (const Instead& known : kOtherStatements) {
      if (known.kind == node.kind()) return Refuse(at, known.message);
    }
    return Refuse(at, absl::StrCat("this statement isn't supported; ", AbslView(kStatements)));
  }
  WEIR_RETURN_IF_ERROR(CheckRead(node, at, "the statement"));
  return statement;
}

absl::StatusOr<Name> TreeReader::ReadTableName(TreeNode node) {
  const int at = node.at();
  if (node.Field("schemaname") != nullptr || node.Field("catalogname") != nullptr) {
    return Refuse(at, "tables have no schema in front of their name: a script has one namespace");
  }
  const std::string kept = node.Text("relpersistence");
  if (!kept.empty() && kept != "p") {
    return Refuse(at, "TEMP and UNLOGGED aren't supported: nothing of a script outlives its job");
  }
  if (!node.Flag("inh")) return Refuse(at, "ONLY isn't supported: tables have no children");
  const Name name = Spelt(at, node.Text("relname"));
  node.Field("alias");  // read by those whose grammar has one
  WEIR_RETURN_IF_ERROR(CheckRead(node, at, "the table name"));
  return name;
}

absl::StatusOr<CreateTable> TreeReader::ReadCreateTable(TreeNode& node) {
  CreateTable table;
  const int at = node.at();
  TreeNode relation("RangeVar", *node.Field("relation"));
  WEIR_ASSIGN_OR_RETURN(table.name, ReadTableName(relation));
  if (node.Flag("if_not_exists")) {
    return Refuse(table.name.at, "IF NOT EXISTS isn't supported: a script declares a table once");
  }
  if (node.Field("inhRelations") != nullptr) return Refuse(at, "INHERITS isn't supported");
  if (node.Field("partspec") != nullptr || node.Field("partbound") != nullptr) {
    return Refuse(at, "PARTITION BY isn't supported yet; leave it out");
  }
  if (node.Text("oncommit") != "ONCOMMIT_NOOP") return Refuse(at, "ON COMMIT isn't supported");
  for (const Json* element : node.List("tableElts")) {
    TreeNode child = TreeNode::Wrapped(*element);
    if (child.kind() == "ColumnDef") {
      WEIR_ASSIGN_OR_RETURN(ColumnDefinition column, ReadColumnDefinition(std::move(child)));
      table.columns.push_back(std::move(column));
    } else if (child.kind() == "Constraint") {
      return Refuse(child.at(), ConstraintMessage(child.Text("contype")));
    } else {
      return Refuse(child.at(), "LIKE isn't supported; list the columns");
    }
  }
  for (const Json* option : node.List("options")) {
    WEIR_ASSIGN_OR_RETURN(OptionDefinition read, ReadOption(TreeNode::Wrapped(*option)));
    table.options.push_back(std::move(read));
  }
  return table;
}

absl::StatusOr<ColumnDefinition> TreeReader::ReadColumnDefinition(TreeNode node) {
  ColumnDefinition column;
  const int at = node.Number("location", -1);
  column.name = Spelt(at, node.Text("colname"));
  node.Field("is_local");
  const Json* type = node.Field("typeName");
  if (type == nullptr) return Refuse(at, "the column has no type");
  WEIR_ASSIGN_OR_RETURN(column.type, ReadType(TreeNode("TypeName", *type)));
  if (const Json* collation = node.Field("collClause")) {
    return Refuse(PlaceOf(*collation), "COLLATE isn't supported: text compares byte by byte");
  }
  bool null = false;
  for (const Json* constraint : node.List("constraints")) {
    WEIR_RETURN_IF_ERROR(
        ReadConstraint(TreeNode::Wrapped(*constraint), column.name, &column.not_null, &null));
  }
  WEIR_RETURN_IF_ERROR(CheckRead(node, at, "the column"));
  return column;
}

absl::Status TreeReader::ReadConstraint(TreeNode node, const Name& column, bool* not_null,
                                        bool* null) {
  const int at = node.at();
  const std::string kind = node.Text("contype");
  if (kind == "CONSTR_NOTNULL") {
    *not_null = true;
  } else if (kind == "CONSTR_NULL") {
    *null = true;
  } else {
    return Refuse(at, ConstraintMessage(kind));
  }
  if (*null && *not_null) {
    return Refuse(at, absl::StrCat("column ", column.text, " is declared both NULL and NOT NULL"));
  }
  if (node.Field("conname") != nullptr) {
    return Refuse(at, "constraints have no names here; write NOT NULL alone");
  }
  return CheckRead(node, at, "the constraint");
}

absl::StatusOr<OptionDefinition> TreeReader::ReadOption(TreeNode node) {
  OptionDefinition option;
  option.at = node.at();
  option.name = node.Text("defname");
  node.Field("defaction");
  const std::string first = node.Text("defnamespace");
  if (!first.empty()) option.name = absl::StrCat(first, ".", option.name);
  const Json* value = node.Field("arg");
  if (value == nullptr) {
    return Refuse(option.at, absl::StrCat("option ", option.name, " has no value; write ",
                                          option.name, " = '...'"));
  }
  // The tree doesn't place values: behind the = that follows the name.
  Lexer lexer(script_.filled(), option.at);
  Token token = lexer.Next();
  while (token.kind != TokenKind::kEnd && lexer.TextOf(token) != "=") token = lexer.Next();
  option.value_at = lexer.Next().begin;
  TreeNode constant = TreeNode::Wrapped(*value);
  if (constant.kind() == "String") {
    option.value = constant.Text("sval");
  } else if (constant.kind() == "Integer") {
    WEIR_ASSIGN_OR_RETURN(const int number, ReadInteger(value->begin().value(), option.value_at));
    option.value = absl::StrCat(number);
  } else if (constant.kind() == "Float") {
    option.value = constant.Text("fval");
  } else {
    return Refuse(option.value_at, absl::StrCat("the value of ", option.name,
                                                " stands in quotes: ", option.name, " = '...'"));
  }
  WEIR_RETURN_IF_ERROR(CheckRead(node, option.at, "the option"));
  return option;
}

absl::StatusOr<CreateView> TreeReader::ReadCreateView(TreeNode& node) {
  CreateView view;
  const int at = node.at();
  TreeNode relation("RangeVar", *node.Field("view"));
  WEIR_ASSIGN_OR_RETURN(view.name, ReadTableName(relation));
  if (node.Flag("replace")) {
    return Refuse(view.name.at, "OR REPLACE isn't supported: a script declares a view once");
  }
  if (!node.List("options").empty()) return Refuse(at, "views have no options here");
  if (node.Text("withCheckOption") != "NO_CHECK_OPTION") {
    return Refuse(at, "WITH CHECK OPTION isn't supported");
  }
  for (const Json* alias : node.List("aliases")) view.columns.push_back(StringOf(*alias));
  TreeNode query = TreeNode::Wrapped(*node.Field("query"));
  WEIR_ASSIGN_OR_RETURN(view.select, ReadSelect(std::move(query), view.name.at));
  return view;
}

absl::StatusOr<SetOption> TreeReader::ReadSet(TreeNode& node, int at) {
  SetOption set;
  Lexer lexer(script_.filled(), at);
  lexer.Next();  // SET
  set.option.at = lexer.Next().begin;
  set.option.name = node.Text("name");
  if (node.Text("kind") != "VAR_SET_VALUE" || node.Flag("is_local")) {
    return Refuse(at, "settings are written SET name = value");
  }
  const std::vector<const Json*> values = node.List("args");
  if (values.size() != 1) return Refuse(at, "settings are written SET name = value, one value");
  set.option.value_at = PlaceOf(*values[0]);
  WEIR_ASSIGN_OR_RETURN(AstExpr value, ReadExpr(*values[0]));
  if (value.kind != AstKind::kString && value.kind != AstKind::kNumber) {
    return Refuse(set.option.value_at, "a setting's value is a number or text in quotes");
  }
  set.option.value = value.text;
  return set;
}

absl::StatusOr<Insert> TreeReader::ReadInsert(TreeNode& node) {
  Insert insert;
  TreeNode relation("RangeVar", *node.Field("relation"));
  if (relation.Field("alias") != nullptr) {
    return Refuse(relation.at(), "the table of an INSERT has no alias here");
  }
  WEIR_ASSIGN_OR_RETURN(insert.table, ReadTableName(relation));
  const int at = insert.table.at;
  for (const Json* column : node.List("cols")) {
    TreeNode target = TreeNode::Wrapped(*column);
    const int column_at = target.Number("location", -1);
    insert.columns.push_back(Spelt(column_at, target.Text("name")));
    if (!target.List("indirection").empty()) {
      return Refuse(column_at, "INSERT takes whole columns, not parts of one");
    }
    WEIR_RETURN_IF_ERROR(CheckRead(target, column_at, "the column list"));
  }
  if (const Json* conflict = node.Field("onConflictClause")) {
    return Refuse(PlaceOf(*conflict), "ON CONFLICT isn't supported yet: rows are appended");
  }
  if (const Json* returning = node.Field("returningList")) {
    return Refuse(PlaceOf(*returning), "RETURNING isn't supported: a job has no client");
  }
  if (node.Text("override") != "OVERRIDING_NOT_SET") {
    return Refuse(at, "OVERRIDING isn't supported");
  }
  const Json* query = node.Field("selectStmt");
  if (query == nullptr) return Refuse(at, "DEFAULT VALUES isn't supported; INSERT takes a SELECT");
  WEIR_ASSIGN_OR_RETURN(insert.select, ReadSelect(TreeNode::Wrapped(*query), at));
  if (const Json* with = node.Field("withClause")) {
    if (!insert.select->with.empty()) {
      return Refuse(PlaceOf(*with), "WITH stands both before INSERT and before SELECT; use one");
    }
    WEIR_RETURN_IF_ERROR(ReadWith(TreeNode("WithClause", *with), &insert.select->with));
  }
  return insert;
}

}  // namespace weir
