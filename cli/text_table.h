// Columns aligned by spaces, for people.
#ifndef WEIR_CLI_TEXT_TABLE_H_
#define WEIR_CLI_TEXT_TABLE_H_

#include <ostream>
#include <string>
#include <vector>

namespace weir {

class TextTable {
 public:
  // A header that begins with '>' aligns its column to the right: ">ROWS".
  explicit TextTable(std::vector<std::string> headers);
  // As many cells as headers.
  void AddRow(std::vector<std::string> cells);
  void Print(std::ostream& out) const;

 private:
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;  // the headers first
};

}  // namespace weir

#endif  // WEIR_CLI_TEXT_TABLE_H_
