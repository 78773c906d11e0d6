#include "base/log.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/string_view.h"

namespace weir {
namespace {

std::atomic<LogLevel> log_level{LogLevel::kInfo};
thread_local std::string thread_role;

const char* LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "DEBUG";
    case LogLevel::kInfo:
      return "INFO";
    case LogLevel::kWarning:
      return "WARNING";
    case LogLevel::kError:
      return "ERROR";
  }
  return "?";
}

bool NeedsQuotes(const std::string& value) {
  if (value.empty()) return true;
  for (const unsigned char c : value)
    if (c <= ' ' || c == '"' || c == '\\' || c == '=' || c == 127) return true;
  return false;
}

void AppendField(std::string_view key, const std::string& value, std::string* line) {
  absl::StrAppend(line, " ", AbslView(key), "=");
  // Quoted values stay on one line whatever they hold, so a record can't forge another line.
  if (NeedsQuotes(value)) {
    absl::StrAppend(line, "\"", absl::Utf8SafeCEscape(value), "\"");
  } else {
    absl::StrAppend(line, value);
  }
}

std::string LinePrefix(const char* level) {
  return absl::StrCat(absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::Now(), absl::UTCTimeZone()),
                      " ", level, " ");
}

// One write(2) per line: lines of several threads and processes on one pipe don't mix up to
// PIPE_BUF bytes, and on a file never.
void WriteLine(std::string line) {
  line.push_back('\n');
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = write(STDERR_FILENO, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // nowhere left to complain to
    rest.remove_prefix(written);
  }
}

}  // namespace

void SetLogLevel(LogLevel level) { log_level.store(level, std::memory_order_relaxed); }

bool LogEnabled(LogLevel level) { return level >= log_level.load(std::memory_order_relaxed); }

void Log(LogLevel level, std::string_view text, std::initializer_list<LogField> fields) {
  if (!LogEnabled(level)) return;
  std::string line = LinePrefix(LevelName(level));
  absl::StrAppend(&line, AbslView(text));
  for (const LogField& field : fields) AppendField(field.key, field.value, &line);
  if (!thread_role.empty()) AppendField("thread", thread_role, &line);
  WriteLine(std::move(line));
}

void SetThreadName(const std::string& role) {
  thread_role = role;
  pthread_setname_np(pthread_self(), role.substr(0, 15).c_str());
}

void CheckFailed(const char* file, int line, const char* condition, const std::string& message) {
  std::string text =
      absl::StrCat(LinePrefix("FATAL"), file, ":", line, ": broken invariant: ", condition,
                   message.empty() ? "" : ": ", message);
  if (!thread_role.empty()) AppendField("thread", thread_role, &text);
  WriteLine(std::move(text));
  std::abort();
}

}  // namespace weir
