// With rocks_cache_env the only file that knows RocksDB.
#include "state/keyed/rocks_sst_file.h"

#include <rocksdb/convenience.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <rocksdb/table_properties.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "state/keyed/rocks_cache_env.h"

namespace weir {
namespace {

constexpr char kRunProperty[] = "weir.run";

rocksdb::Slice ToSlice(std::string_view s) { return {s.data(), s.size()}; }
std::string_view View(const rocksdb::Slice& s) { return {s.data(), s.size()}; }

absl::Status FromRocks(const rocksdb::Status& status, const std::string& what) {
  if (status.ok()) return absl::OkStatus();
  const std::string message = absl::StrCat(what, ": ", status.ToString());
  if (status.IsNoSpace()) return absl::ResourceExhaustedError(message);
  if (status.IsCorruption() || status.IsNotSupported()) return absl::DataLossError(message);
  if (status.IsIOError()) return absl::UnavailableError(message);
  return absl::InternalError(message);
}

// The fastest compressor that this RocksDB was built with: barriers wait for it, disks don't.
rocksdb::CompressionType Compression() {
  const auto supported = rocksdb::GetSupportedCompressions();
  for (auto type : {rocksdb::kLZ4Compression, rocksdb::kZSTD}) {
    if (std::find(supported.begin(), supported.end(), type) != supported.end()) return type;
  }
  return rocksdb::kNoCompression;
}

// Keeps the run's number in the file.
class RunCollector : public rocksdb::TablePropertiesCollector {
 public:
  explicit RunCollector(uint32_t run) : run_(run) {}
  const char* Name() const override { return "weir.RunCollector"; }
  rocksdb::Status Finish(rocksdb::UserCollectedProperties* properties) override {
    (*properties)[kRunProperty] = absl::StrCat(run_);
    return rocksdb::Status::OK();
  }
  rocksdb::UserCollectedProperties GetReadableProperties() const override {
    return {{kRunProperty, absl::StrCat(run_)}};
  }

 private:
  const uint32_t run_;
};

class RunCollectorFactory : public rocksdb::TablePropertiesCollectorFactory {
 public:
  explicit RunCollectorFactory(uint32_t run) : run_(run) {}
  const char* Name() const override { return "weir.RunCollectorFactory"; }
  rocksdb::TablePropertiesCollector* CreateTablePropertiesCollector(Context) override {
    return new RunCollector(run_);
  }

 private:
  const uint32_t run_;
};

rocksdb::Options SstOptions() {
  rocksdb::Options options;
  options.env = RocksCacheEnv();
  options.compression = Compression();
  rocksdb::BlockBasedTableOptions table;
  table.no_block_cache = true;  // every block is read once
  table.block_size = 16 << 10;
  table.format_version = 5;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

class RocksSstCursor : public SstCursor {
 public:
  explicit RocksSstCursor(std::string name) : name_(std::move(name)), reader_(SstOptions()) {}

  absl::Status Open(const std::string& path) {
    WEIR_RETURN_IF_ERROR(FromRocks(reader_.Open(path), What()));
    if (reader_.GetTableProperties()->num_range_deletions > 0) {
      return absl::FailedPreconditionError(
          absl::StrCat(name_, " was written by a version of before spilling, with range deletes"));
    }
    rocksdb::ReadOptions read;
    read.fill_cache = false;
    it_.reset(reader_.NewIterator(read));
    return absl::OkStatus();
  }

  void SeekToFirst() override { it_->SeekToFirst(); }
  void Seek(std::string_view key) override { it_->Seek(ToSlice(key)); }
  void Next() override { it_->Next(); }
  bool Valid() const override { return it_->Valid(); }
  StateEntry entry() const override { return {View(it_->key()), View(it_->value())}; }
  absl::Status status() const override { return FromRocks(it_->status(), What()); }

  SstSummary Summary() override {
    SstSummary summary;
    const auto properties = reader_.GetTableProperties();
    summary.entries = static_cast<int64_t>(properties->num_entries);
    summary.raw_bytes = static_cast<int64_t>(properties->raw_key_size + properties->raw_value_size);
    const auto run = properties->user_collected_properties.find(kRunProperty);
    if (run != properties->user_collected_properties.end()) {
      WEIR_CHECK(absl::SimpleAtoi(run->second, &summary.run), name_);
    }
    it_->SeekToFirst();
    if (it_->Valid()) summary.first_time = StateTimeOf(View(it_->key()));
    it_->SeekToLast();
    if (it_->Valid()) summary.last_time = StateTimeOf(View(it_->key()));
    return summary;
  }

 private:
  std::string What() const { return absl::StrCat("can't read ", name_); }

  const std::string name_;
  rocksdb::SstFileReader reader_;
  std::unique_ptr<rocksdb::Iterator> it_;  // into reader_
};

}  // namespace

absl::StatusOr<SstSummary> WriteSst(const std::string& path, uint32_t run,
                                    const StateProducer& produce) {
  rocksdb::Options options = SstOptions();
  options.table_properties_collector_factories.push_back(
      std::make_shared<RunCollectorFactory>(run));
  const std::string what = absl::StrCat("can't write state file ", path);
  // Opened with the first entry: a table can't be empty.
  std::unique_ptr<rocksdb::SstFileWriter> writer;
  auto remove = absl::MakeCleanup([&] {
    writer.reset();
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  });
  SstSummary summary;
  summary.run = run;
  auto put = [&](const StateEntry& entry) -> absl::Status {
    WEIR_CHECK(entry.key.size() >= kStateTimeSize + kStateGroupSize,
               "short state key, file=", path);
    if (writer == nullptr) {
      writer = std::make_unique<rocksdb::SstFileWriter>(rocksdb::EnvOptions(options), options,
                                                        nullptr, /*invalidate_page_cache=*/false);
      WEIR_RETURN_IF_ERROR(FromRocks(writer->Open(path), what));
      summary.first_time = StateTimeOf(entry.key);
    }
    ++summary.entries;
    summary.raw_bytes += static_cast<int64_t>(entry.key.size() + entry.value.size());
    summary.last_time = StateTimeOf(entry.key);
    return FromRocks(writer->Put(ToSlice(entry.key), ToSlice(entry.value)), what);
  };
  WEIR_RETURN_IF_ERROR(produce(put));
  if (writer != nullptr) {
    rocksdb::ExternalSstFileInfo info;
    WEIR_RETURN_IF_ERROR(FromRocks(writer->Finish(&info), what));
    summary.size = static_cast<int64_t>(info.file_size);
  }
  std::move(remove).Cancel();
  return summary;
}

absl::StatusOr<std::unique_ptr<SstCursor>> OpenSst(const std::string& path,
                                                   const std::string& name) {
  auto cursor = std::make_unique<RocksSstCursor>(name);
  WEIR_RETURN_IF_ERROR(cursor->Open(path));
  return std::unique_ptr<SstCursor>(std::move(cursor));
}

}  // namespace weir
