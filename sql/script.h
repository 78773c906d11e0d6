// The script as submitted and, with its variables filled in, as parsed; and the way back from a
// byte of the latter to the line and column a user sees.
#ifndef WEIR_SQL_SCRIPT_H_
#define WEIR_SQL_SCRIPT_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weir {

// Larger scripts are refused before parsing: libpg_query's memory and stack use follow the input.
inline constexpr int kScriptBytesMax = 1 << 20;
inline constexpr int kStatementTokensMax = 20'000;
// Binding compares names pairwise, and views are bound wherever they are read.
inline constexpr int kStatementsMax = 500;
inline constexpr int kColumnsMax = 1'000;  // of a table, and of a SELECT list
// PostgreSQL truncates longer identifiers without a word.
inline constexpr int kIdentifierBytesMax = 63;

class Script {
 public:
  // Replaces ${NAME} everywhere but in comments. Inside quotes the value stands for itself: quotes
  // in it are doubled. ${kind:name}, a secret reference, stays. INVALID_ARGUMENT, with the place in
  // the submitted text, for an unfilled or ill-formed variable, a cap, or bytes that aren't UTF-8.
  static absl::StatusOr<Script> Fill(std::string_view script,
                                     const std::map<std::string, std::string>& variables);

  const std::string& filled() const { return filled_; }

  // INVALID_ARGUMENT "line 12, column 7: <message>"; `at` is a byte of filled(), -1 the beginning.
  absl::Status Error(int at, std::string_view message) const;
  // "line 12, column 7" / the line alone, for messages that point at a second place.
  std::string Place(int at) const;
  int Line(int at) const;

 private:
  // filled_[filled_begin...] comes from original_[original_begin...]: byte by byte, or, for the
  // value of a variable, all of it from the variable's place.
  struct Segment {
    int filled_begin;
    int original_begin;
    bool is_value;
  };
  int OriginalOffset(int at) const;
  absl::Status CheckSize() const;
  absl::Status CheckCaps() const;
  absl::Status FillRange(int begin, int end, std::string_view context,
                         const std::map<std::string, std::string>& variables);
  void AppendVerbatim(int begin, int end);

  std::string original_;
  std::string filled_;
  std::vector<Segment> segments_;
};

}  // namespace weir

#endif  // WEIR_SQL_SCRIPT_H_
