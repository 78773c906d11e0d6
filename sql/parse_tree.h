// Reads libpg_query's tree, which it writes as JSON, into sql/ast.h. Shared by the sources that
// parse.cc is split into; nothing else includes it.
#ifndef WEIR_SQL_PARSE_TREE_H_
#define WEIR_SQL_PARSE_TREE_H_

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json_fwd.hpp"
#include "sql/ast.h"
#include "sql/script.h"

namespace weir {

using Json = nlohmann::json;

// One object of the tree. It remembers which fields were asked for, so that a field nobody knows
// of, and with it a clause of the statement, can't be dropped without a word. libpg_query leaves
// fields out that are zero, false or empty.
class TreeNode {
 public:
  // {"ColumnRef": {...}}: kind() is "ColumnRef" and the fields are the inner object's.
  static TreeNode Wrapped(const Json& node);
  // A bare object, of the kind that its place implies.
  TreeNode(std::string kind, const Json& fields) : kind_(std::move(kind)), fields_(&fields) {}

  const std::string& kind() const { return kind_; }
  // The first byte of the node or of what is below it; -1 when the tree doesn't tell.
  int at() const;

  const Json* Field(const char* name);  // null when absent
  std::string Text(const char* name);
  int Number(const char* name, int absent = 0);
  bool Flag(const char* name);
  std::vector<const Json*> List(const char* name);

  // A field that is there and wasn't asked for; "" when there is none.
  std::string Unread() const;

 private:
  std::string kind_;
  const Json* fields_;
  std::set<std::string> read_{"location"};
};

// The string of {"String": {"sval": ...}}.
std::string StringOf(const Json& node);
// The first byte of a part of the tree, -1 when it doesn't tell.
int PlaceOf(const Json& node);

class TreeReader {
 public:
  explicit TreeReader(const Script& script) : script_(script) {}

  absl::StatusOr<Statement> ReadStatement(const Json& raw);

 private:
  using Select = std::shared_ptr<SelectNode>;
  template <class T>
  using Or = absl::StatusOr<T>;

  // parse_statement.cc
  Or<Statement> ReadNode(TreeNode node, int at, bool explain);
  Or<CreateTable> ReadCreateTable(TreeNode& node);
  Or<ColumnDefinition> ReadColumnDefinition(TreeNode node);
  absl::Status ReadConstraint(TreeNode node, const Name& column, bool* not_null, bool* null);
  Or<CreateView> ReadCreateView(TreeNode& node);
  Or<SetOption> ReadSet(TreeNode& node, int at);
  Or<Insert> ReadInsert(TreeNode& node);
  Or<OptionDefinition> ReadOption(TreeNode node);
  Or<Name> ReadTableName(TreeNode node);

  // parse_select.cc
  Or<Select> ReadSelect(TreeNode node, int at);
  absl::Status RefuseClauses(TreeNode& node, int at);
  absl::Status ReadWith(TreeNode node, std::vector<CommonTable>* out);
  Or<FromItem> ReadFrom(const Json& json);
  Or<FromItem> ReadTableFunction(TreeNode& node);
  absl::Status ReadAlias(TreeNode& node, FromItem* item);
  Or<std::vector<AstExpr>> ReadGroupBy(TreeNode& select);

  // parse_expr.cc, parse_call.cc
  Or<AstExpr> ReadExpr(const Json& json);
  Or<AstExpr> ReadExprNode(TreeNode& node);
  absl::Status ReadArgs(const std::vector<const Json*>& list, AstExpr* out);
  Or<AstExpr> ReadConstant(TreeNode& node);
  Or<AstExpr> ReadColumnRef(TreeNode& node);
  Or<AstExpr> ReadOperator(TreeNode& node);
  Or<AstExpr> ReadTest(TreeNode& node);
  Or<AstExpr> ReadLogic(TreeNode& node);
  Or<AstExpr> ReadCase(TreeNode& node);
  Or<AstExpr> ReadCall(TreeNode& node);
  Or<AstExpr> ReadSubLink(TreeNode& node);
  Or<AstExpr> ReadCast(TreeNode& node);
  Or<AstExpr> ReadIntervalField(AstExpr literal, int mask, int at);
  Or<TypeName> ReadType(TreeNode node);

  // The identifier that begins at `at`, with its spelling; `folded` is libpg_query's idea of it.
  Name Spelt(int at, const std::string& folded) const;
  absl::Status Refuse(int at, std::string_view message) const { return script_.Error(at, message); }
  // The value of an {"ival": n} object that stands at `at`. libpg_query 15 leaves n out when it is
  // negative, not only when it is zero: then it is read from the script.
  Or<int> ReadInteger(const Json& integer, int at) const;
  // Refuses what of `node` nobody read.
  absl::Status CheckRead(const TreeNode& node, int at, std::string_view where) const;

  const Script& script_;
  int depth_ = 0;
};

}  // namespace weir

#endif  // WEIR_SQL_PARSE_TREE_H_
