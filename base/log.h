// Log lines for operators: fixed text, then key=value.
//
//   WEIR_LOG(kInfo, "checkpoint published", {"job", job}, {"epoch", epoch});
//
// One line on stderr per call, written atomically: RFC 3339 time, level, text, pairs. Levels below
// SetLogLevel (default kInfo) cost one comparison. Thread-safe.
#ifndef WEIR_BASE_LOG_H_
#define WEIR_BASE_LOG_H_

#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace weir {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

struct LogField {
  std::string_view key;
  std::string value;
  LogField(std::string_view k, const absl::AlphaNum& v) : key(k), value(v.Piece()) {}
};

void SetLogLevel(LogLevel level);
bool LogEnabled(LogLevel level);
void Log(LogLevel level, std::string_view text, std::initializer_list<LogField> fields);
// Names the calling thread in the log and to the kernel (15 bytes shown there): "slot/0".
void SetThreadName(const std::string& role);

#define WEIR_LOG(level, text, ...)                               \
  do {                                                           \
    if (::weir::LogEnabled(::weir::LogLevel::level))             \
      ::weir::Log(::weir::LogLevel::level, text, {__VA_ARGS__}); \
  } while (false)

// Broken invariant: prints file, line, condition and message, then aborts; a restart is recovery.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              const std::string& message);
#define WEIR_CHECK(condition, ...)                                        \
  do {                                                                    \
    if (!(condition)) [[unlikely]]                                        \
      ::weir::CheckFailed(__FILE__, __LINE__, #condition,                 \
                          ::absl::StrCat("" __VA_OPT__(, ) __VA_ARGS__)); \
  } while (false)

}  // namespace weir

#endif  // WEIR_BASE_LOG_H_
