#include "base/short_text.h"

#include "absl/strings/str_cat.h"

namespace weir {
namespace {

bool ContinuesACharacter(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

std::string ShortText(absl::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  size_t end = bytes_max;
  // No character has more than three such bytes; others are no UTF-8 to be kept whole.
  for (int i = 0; i < 3 && end > 0 && ContinuesACharacter(text[end]); ++i) --end;
  return absl::StrCat(text.substr(0, end), "... (", text.size(), " bytes)");
}

}  // namespace weir
