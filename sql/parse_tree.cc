#include "sql/parse_tree.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/string_view.h"
#include "nlohmann/json.hpp"
#include "sql/lexer.h"

namespace weir {

TreeNode TreeNode::Wrapped(const Json& node) {
  static const Json* const kNone = new Json(Json::object());
  if (!node.is_object() || node.empty()) return TreeNode("nothing", *kNone);
  return TreeNode(node.begin().key(), node.begin().value());
}

int TreeNode::at() const { return PlaceOf(*fields_); }

const Json* TreeNode::Field(const char* name) {
  read_.insert(name);
  auto found = fields_->find(name);
  return found == fields_->end() ? nullptr : &*found;
}

std::string TreeNode::Text(const char* name) {
  const Json* field = Field(name);
  return field != nullptr && field->is_string() ? field->get<std::string>() : "";
}

int TreeNode::Number(const char* name, int absent) {
  const Json* field = Field(name);
  return field != nullptr && field->is_number_integer() ? field->get<int>() : absent;
}

bool TreeNode::Flag(const char* name) {
  const Json* field = Field(name);
  return field != nullptr && field->is_boolean() && field->get<bool>();
}

std::vector<const Json*> TreeNode::List(const char* name) {
  std::vector<const Json*> list;
  const Json* field = Field(name);
  if (field == nullptr || !field->is_array()) return list;
  for (const Json& item : *field) list.push_back(&item);
  return list;
}

std::string TreeNode::Unread() const {
  for (const auto& [name, value] : fields_->items()) {
    if (read_.count(name) == 0) return name;
  }
  return "";
}

std::string StringOf(const Json& node) {
  TreeNode string = TreeNode::Wrapped(node);
  return string.Text("sval");
}

int PlaceOf(const Json& node) {
  int first = -1;
  std::vector<const Json*> rest = {&node};
  while (!rest.empty()) {
    const Json* next = rest.back();
    rest.pop_back();
    if (next->is_object()) {
      auto location = next->find("location");
      if (location != next->end() && location->is_number_integer()) {
        const int at = location->get<int>();
        if (at >= 0 && (first < 0 || at < first)) first = at;
      }
    }
    if (!next->is_structured()) continue;
    for (const Json& child : *next) {
      if (child.is_structured()) rest.push_back(&child);
    }
  }
  return first;
}

Name TreeReader::Spelt(int at, const std::string& folded) const {
  if (at < 0) return {folded, /*quoted=*/folded != absl::AsciiStrToLower(folded), at};
  Lexer lexer(script_.filled(), at);
  const Token token = lexer.Next();
  const std::string written(lexer.TextOf(token));
  if (token.kind == TokenKind::kQuotedIdentifier) return {Unquote(written), true, at};
  const bool same = absl::AsciiStrToLower(written) == folded;
  if (token.kind == TokenKind::kIdentifier && same) return {written, false, at};
  return {folded, /*quoted=*/true, at};  // U&"..." and the like
}

absl::StatusOr<int> TreeReader::ReadInteger(const Json& integer, int at) const {
  const int value = TreeNode("Integer", integer).Number("ival");
  if (value != 0) return value;
  Lexer lexer(script_.filled(), std::max(at, 0));
  int sign = 1;
  for (Token token = lexer.Next(); token.kind != TokenKind::kEnd; token = lexer.Next()) {
    const std::string_view text = lexer.TextOf(token);
    int written = 0;
    if (token.kind == TokenKind::kNumber && absl::SimpleAtoi(AbslView(text), &written)) {
      return sign * written;
    }
    if (text != "-" && text != "(") break;
    if (text == "-") sign = -sign;
  }
  return Refuse(at, "this whole number can't be read; write it as digits");
}

absl::Status TreeReader::CheckRead(const TreeNode& node, int at, std::string_view where) const {
  const std::string field = node.Unread();
  if (field.empty()) return absl::OkStatus();
  return Refuse(at < 0 ? node.at() : at,
                absl::StrCat(AbslView(where), " has a clause that isn't supported (", field,
                             "); leave it out"));
}

}  // namespace weir
