// Colours on a terminal, for people; never where a program reads.
#ifndef WEIR_CLI_COLOUR_H_
#define WEIR_CLI_COLOUR_H_

#include <string>

#include "cli/console.h"

namespace weir {

enum class Colour { kNone, kRed, kGreen, kYellow };

// `text` for console.out, in that colour where colours are shown.
inline std::string Painted(const std::string& text, Colour colour, const Console& console) {
  if (!console.colours) return text;
  switch (colour) {
    case Colour::kNone:
      return text;
    case Colour::kRed:
      return "\033[31m" + text + "\033[0m";
    case Colour::kGreen:
      return "\033[32m" + text + "\033[0m";
    case Colour::kYellow:
      return "\033[33m" + text + "\033[0m";
  }
  return text;
}

}  // namespace weir

#endif  // WEIR_CLI_COLOUR_H_
