// PostgreSQL's regular expressions in the words of RE2.
#ifndef WEIR_MODEL_REGEX_SYNTAX_H_
#define WEIR_MODEL_REGEX_SYNTAX_H_

#include <string>
#include <string_view>

namespace weir {

// Both share most of their syntax. Rewritten is what they spell or mean differently: \y and \Y
// (word boundaries), \b (a backspace), and classes, which are Unicode's in PostgreSQL: \w, \s,
// [:alpha:]. What RE2 lacks (back-references, look-around, \m, \M) is left for it to refuse.
std::string ToRe2Syntax(std::string_view pattern);

}  // namespace weir

#endif  // WEIR_MODEL_REGEX_SYNTAX_H_
