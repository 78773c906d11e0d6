// The little of XML that object stores answer: elements with text, no attributes that matter.
#ifndef WEIR_BASE_XML_TEXT_H_
#define WEIR_BASE_XML_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

namespace weir {

// What stands between <element> and </element>, each time it occurs, as it is written. An element
// without its end is left out. Views into `xml`.
std::vector<std::string_view> XmlElements(std::string_view xml, std::string_view element);
// The text of the first such element with &amp; and its like resolved; "" when absent.
std::string XmlText(std::string_view xml, std::string_view element);
// `text` as the content of an element.
std::string XmlEscape(std::string_view text);

}  // namespace weir

#endif  // WEIR_BASE_XML_TEXT_H_
