// Whether two scripts say the same, and where they differ, for people.
#ifndef WEIR_CLI_SCRIPT_DIFF_H_
#define WEIR_CLI_SCRIPT_DIFF_H_

#include <string>
#include <string_view>
#include <vector>

namespace weir {

// The script without comments, empty lines and white space beyond one blank between words; literals
// stay as they are, line breaks in them as well. What two scripts have in common when they differ
// in layout only, line breaks apart.
std::vector<std::string> NormalLines(std::string_view script);

// Whether they consist of the same words: layout and comments may differ.
bool SameWords(std::string_view a, std::string_view b);

// The normal lines of both as `diff -u` shows them, without a header: each begins with ' ', '-' or
// '+'; at most `context` equal lines around a change, "@@" where more were left out. Empty when the
// lines are equal.
std::vector<std::string> DiffLines(const std::vector<std::string>& before,
                                   const std::vector<std::string>& after, int context);

}  // namespace weir

#endif  // WEIR_CLI_SCRIPT_DIFF_H_
