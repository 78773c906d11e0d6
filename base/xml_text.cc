#include "base/xml_text.h"

#include <array>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/string_view.h"

namespace weir {
namespace {

constexpr std::array<std::pair<std::string_view, char>, 5> kEntities = {
    {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}}};

// Bytes of the entity at the front of `text`, 0 when there is none; appends what it means.
size_t TakeEntity(std::string_view text, std::string* out) {
  for (const auto& [entity, meaning] : kEntities) {
    if (text.substr(0, entity.size()) == entity) {
      *out += meaning;
      return entity.size();
    }
  }
  const size_t end = text.substr(0, 10).find(';');
  if (text.substr(0, 2) != "&#" || end == text.npos) return 0;
  const bool is_hex = text.substr(2, 1) == "x";
  const std::string digits(text.substr(is_hex ? 3 : 2, end - (is_hex ? 3 : 2)));
  const long code = std::strtol(digits.c_str(), nullptr, is_hex ? 16 : 10);
  if (code <= 0 || code > 127) return 0;  // others arrive as UTF-8
  *out += static_cast<char>(code);
  return end + 1;
}

}  // namespace

std::vector<std::string_view> XmlElements(std::string_view xml, std::string_view element) {
  const std::string begin = absl::StrCat("<", AbslView(element), ">");
  const std::string end = absl::StrCat("</", AbslView(element), ">");
  std::vector<std::string_view> found;
  size_t at = xml.find(begin);
  while (at != xml.npos) {
    const size_t from = at + begin.size();
    const size_t to = xml.find(end, from);
    if (to == xml.npos) break;
    found.push_back(xml.substr(from, to - from));
    at = xml.find(begin, to + end.size());
  }
  return found;
}

std::string XmlText(std::string_view xml, std::string_view element) {
  const std::vector<std::string_view> found = XmlElements(xml, element);
  if (found.empty()) return "";
  std::string_view text = found.front();
  std::string out;
  while (!text.empty()) {
    const size_t taken = text.front() == '&' ? TakeEntity(text, &out) : 0;
    if (taken == 0) out += text.front();
    text.remove_prefix(taken == 0 ? 1 : taken);
  }
  return out;
}

std::string XmlEscape(std::string_view text) {
  return absl::StrReplaceAll(
      AbslView(text),
      {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&apos;"}});
}

}  // namespace weir
