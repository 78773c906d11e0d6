#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/blob_store.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "cli/api_client.h"
#include "cli/client_commands.h"
#include "cli/client_session.h"
#include "cli/exit_code.h"
#include "cli/table_text.h"
#include "lake/log_store.h"
#include "lake/table_progress.h"
#include "lake/table_report.h"
#include "lake/table_roots.h"
#include "lake/table_store.h"
#include "model/table_path.h"
#include "model/time_text.h"

namespace weir {
namespace {

using std::chrono::system_clock;

// A job commits at most every half second; a sensor has time.
constexpr std::chrono::seconds kLookPause{1};

struct TableFlags {
  std::string path;
  int commits = 10;
  std::string wait_until;
  std::string timeout;
  std::string job;
};

// A table opened for reading.
struct OpenTable {
  std::string path;
  std::unique_ptr<LogStore> log;
};

absl::StatusOr<OpenTable> Open(const std::string& given) {
  std::error_code error;
  const std::string here = std::filesystem::current_path(error).string();
  const absl::StatusOr<std::string> path = NormalTablePath(given, here);
  if (!path.ok()) return UsageError(absl::StrCat(given, ": ", path.status().message()));
  absl::StatusOr<std::unique_ptr<BlobStore>> store = OpenTableStore(*path, TableRoots());
  if (!store.ok()) {
    return absl::Status(store.status().code(), absl::StrCat(*path, ": ", store.status().message()));
  }
  return OpenTable{*path, MakeLogStore(*std::move(store))};
}

// With the table's path before the message.
absl::Status Named(const absl::Status& status, const std::string& path) {
  if (absl::IsNotFound(status)) {
    return absl::NotFoundError(absl::StrCat(
        path,
        " holds no Delta table: name the directory that has _delta_log in it, as `path` in "
        "the job's CREATE TABLE does"));
  }
  return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
}

absl::StatusOr<int> Show(const TableFlags& flags, const ClientFlags& client,
                         const Console& console) {
  WEIR_ASSIGN_OR_RETURN(const OpenTable table, Open(flags.path));
  TableProgress progress(table.log.get());
  if (const absl::Status read = progress.Refresh(); !read.ok()) return Named(read, table.path);
  const absl::StatusOr<TableReport> report =
      ReadTableReport(table.log.get(), progress, flags.commits);
  if (!report.ok()) return Named(report.status(), table.path);
  const TableShown shown{table.path, progress, *report, SystemClock()->WallMicros()};
  if (client.json()) {
    PrintJson(ToJson(shown), *console.out);
  } else {
    PrintTable(shown, *console.out);
  }
  return kExitOk;
}

// What a time given on the command line means.
absl::StatusOr<EventTime> TimeFlag(const std::string& flag, const std::string& text) {
  int64_t micros = 0;
  if (ParseTimestamptz(text, &micros) == TimeParse::kOk) return EventTime{micros};
  return UsageError(absl::StrCat(flag, " ", text,
                                 ": accepted is a time such as 2026-11-22T17:00:00Z or "
                                 "\"2026-11-22 17:00+01\"; without a zone it is UTC"));
}

void PrintProgress(const std::string& path, const TableProgress& progress, const TableFlags& flags,
                   const ClientFlags& client, const Console& console) {
  if (client.json()) {
    PrintJson(ToJson(path, progress, progress.Watermark(flags.job)), *console.out);
  } else {
    *console.out << WatermarkText(progress.Watermark(flags.job)) << std::endl;
  }
}

// "job a is at 2026-11-22T16:50:00Z": who keeps the table from being complete.
std::string HeldBackBy(const TableProgress& progress, const std::string& job) {
  const TableProgress::Writer* slowest = nullptr;
  for (const auto& [name, writer] : progress.writers()) {
    if (!job.empty() && name != job) continue;
    if (slowest == nullptr || writer.commit.watermark < slowest->commit.watermark) {
      slowest = &writer;
    }
  }
  if (slowest == nullptr) {
    return job.empty() ? "no job of weir's has committed to it lately"
                       : absl::StrCat("no job named ", job, " has committed to it lately");
  }
  if (slowest->commit.watermark == kMinEventTime) {
    return absl::StrCat("job ", slowest->commit.name,
                        " has no watermark yet (or ever, if its sources have no event_time)");
  }
  return absl::StrCat("job ", slowest->commit.name, " is at ",
                      WatermarkText(slowest->commit.watermark));
}

absl::StatusOr<int> WaitUntil(const OpenTable& table, EventTime until, Deadline deadline,
                              const TableFlags& flags, const ClientFlags& client,
                              const Console& console) {
  TableProgress progress(table.log.get());
  bool told = false;
  while (true) {
    const absl::Status read = progress.Refresh();
    const bool away = absl::IsUnavailable(read);
    if (!read.ok() && !away) return Named(read, table.path);
    if (away && !told) *console.err << Named(read, table.path).message() << "; trying again\n";
    told = away;
    if (read.ok() && progress.Watermark(flags.job) >= until) {
      if (console.err_is_terminal) *console.err << "\r\033[K" << std::flush;
      PrintProgress(table.path, progress, flags, client, console);
      return kExitOk;
    }
    const auto now = system_clock::now();
    if (console.err_is_terminal) {  // over the line before
      *console.err << "\r\033[K" << (now < deadline ? HeldBackBy(progress, flags.job) : "")
                   << std::flush;
    }
    if (now >= deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat(table.path, " is not complete past ", WatermarkText(until), ": ",
                       read.ok() ? HeldBackBy(progress, flags.job) : std::string(read.message())));
    }
    std::this_thread::sleep_for(std::min<system_clock::duration>(kLookPause, deadline - now));
  }
}

absl::StatusOr<int> Freshness(const TableFlags& flags, const ClientFlags& client,
                              const Console& console) {
  WEIR_ASSIGN_OR_RETURN(const Deadline deadline, DeadlineOf(flags.timeout));
  if (flags.wait_until.empty()) {
    if (!flags.timeout.empty()) return UsageError("--timeout goes with --wait-until TIME");
    WEIR_ASSIGN_OR_RETURN(const OpenTable table, Open(flags.path));
    TableProgress progress(table.log.get());
    if (const absl::Status read = progress.Refresh(); !read.ok()) return Named(read, table.path);
    PrintProgress(table.path, progress, flags, client, console);
    return kExitOk;
  }
  WEIR_ASSIGN_OR_RETURN(const EventTime until, TimeFlag("--wait-until", flags.wait_until));
  WEIR_ASSIGN_OR_RETURN(const OpenTable table, Open(flags.path));
  return WaitUntil(table, until, deadline, flags, client, console);
}

}  // namespace

void AddTableCommands(CLI::App& table, const ClientFlags& client, const Console& console,
                      int* exit_code) {
  using Run = absl::StatusOr<int> (*)(const TableFlags&, const ClientFlags&, const Console&);
  const auto add = [&](const char* name, const char* help, Run run) {
    CLI::App* command = table.add_subcommand(name, help);
    auto flags = std::make_shared<TableFlags>();  // shared with the callback
    command->add_option("path", flags->path, "A directory, or s3://BUCKET/DIRECTORY")->required();
    command->callback([run, flags, &client, &console, exit_code] {
      *exit_code = RunCommand(console, [&] { return run(*flags, client, console); });
    });
    return std::pair(command, flags);
  };
  {
    auto [show, flags] = add("show", "Show a table: version, watermark, size, last commits", Show);
    show->add_option("--commits", flags->commits, "Show so many of the last commits")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
  }
  auto [freshness, flags] = add(
      "freshness", "Print up to which event time a table is complete, or wait for it", Freshness);
  freshness->add_option("--wait-until", flags->wait_until,
                        "Return once the watermark of every job that writes the table has passed "
                        "this TIME");
  freshness->add_option("--job", flags->job, "Ask only for the job of this name");
  freshness->add_option("--timeout", flags->timeout, kTimeoutHelp);
}

}  // namespace weir
