#include <arrow/api.h>
#include <arrow/io/file.h>
#include <arrow/util/byte_size.h>
#include <arrow/util/io_util.h>
#include <fcntl.h>
#include <parquet/arrow/writer.h>
#include <parquet/schema.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/blob_store.h"
#include "base/failpoint.h"
#include "base/mutant.h"
#include "base/posix_file.h"
#include "base/status_macros.h"
#include "lake/data_file_writer.h"
#include "lake/file_stats.h"

namespace weir {
namespace {

// A row group ends at about this many bytes as Arrow holds them; encoded and compressed it is
// smaller. Its rows wait as they came and are then encoded a column at a time: encoders of all
// columns at once hold a page and a dictionary each, 80 MiB for a table of 28 columns (tried).
constexpr int64_t kRowGroupBytes = int64_t{32} << 20;
// About 300 bytes each.
constexpr int64_t kFooterChunksMax = 8192;
constexpr int64_t kRowGroupRows = int64_t{4} << 20;

class ParquetDataFile : public DataFileWriter {
 public:
  ParquetDataFile(const DataFilePlace& place, const std::string& name, const Schema& schema)
      : place_(place),
        name_(name),
        path_(absl::StrCat(place.directory, "/", name)),
        schema_(schema),
        arrow_schema_(ArrowSchema(schema)),
        stats_(schema) {}

  absl::Status Open() {
    WEIR_RETURN_IF_ERROR(MakeDirectories(place_.directory));
    const int fd = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) return ErrnoError(errno, "creating", path_);
    auto stream = arrow::io::FileOutputStream::Open(fd);  // owns fd
    if (!stream.ok()) {
      close(fd);
      return Failed("opening", stream.status());
    }
    stream_ = *stream;
    auto writer = parquet::arrow::FileWriter::Open(*arrow_schema_, arrow::default_memory_pool(),
                                                   stream_, Properties());
    if (!writer.ok()) return Failed("opening", writer.status());
    writer_ = *std::move(writer);
    return absl::OkStatus();
  }

  absl::Status Write(const arrow::RecordBatch& batch) override {
    WEIR_RETURN_IF_ERROR(Failpoint("lake.before_data_file_write"));
    WEIR_RETURN_IF_ERROR(CheckBatch(batch));
    auto renamed = arrow::RecordBatch::Make(arrow_schema_, batch.num_rows(), batch.columns());
    if (Mutant("drop_row") && renamed->num_rows() > 1) renamed = renamed->Slice(1);
    stats_.Add(*renamed);
    group_rows_ += renamed->num_rows();
    group_.push_back(std::move(renamed));
    group_bytes_ += arrow::util::ReferencedBufferSize(batch).ValueOr(0);
    const bool full = group_bytes_ >= kRowGroupBytes || group_rows_ >= kRowGroupRows;
    return full ? EndRowGroup() : absl::OkStatus();
  }

  absl::Status EndRowGroup() override {
    if (group_.empty()) return absl::OkStatus();
    const int64_t before = stream_->Tell().ValueOr(0);
    auto table = arrow::Table::FromRecordBatches(arrow_schema_, std::exchange(group_, {}));
    WEIR_RETURN_IF_ERROR(Failed("writing", table.status()));
    WEIR_RETURN_IF_ERROR(Failed("writing", writer_->WriteTable(**table, group_rows_)));
    const int64_t after = stream_->Tell().ValueOr(0);
    if (group_bytes_ > 0)
      ratio_ = std::min(1.0, static_cast<double>(after - before) / group_bytes_);
    group_bytes_ = group_rows_ = 0;
    ++row_groups_;
    return absl::OkStatus();
  }

  bool buffers_rows() const override { return !group_.empty(); }

  bool FooterIsLarge() const override {
    return row_groups_ * std::max(1, schema_.size()) >= kFooterChunksMax;
  }

  int64_t BytesEstimate() const override {
    const auto position = stream_->Tell();
    return (position.ok() ? *position : 0) + static_cast<int64_t>(group_bytes_ * ratio_);
  }

  absl::StatusOr<DataFile> Close() override {
    WEIR_RETURN_IF_ERROR(Failpoint("lake.before_data_file_close"));
    WEIR_RETURN_IF_ERROR(EndRowGroup());
    WEIR_RETURN_IF_ERROR(Failed("closing", writer_->Close()));
    const bool stays = place_.upload == nullptr;
    if (stays && fsync(stream_->file_descriptor()) != 0) return ErrnoError(errno, "syncing", path_);
    struct stat info;
    if (fstat(stream_->file_descriptor(), &info) != 0) return ErrnoError(errno, "closing", path_);
    WEIR_RETURN_IF_ERROR(Failed("closing", stream_->Close()));
    WEIR_RETURN_IF_ERROR(stays ? SyncDirectory(place_.directory) : Upload());
    WEIR_RETURN_IF_ERROR(Failpoint("lake.after_data_file_close"));
    DataFile file;
    file.path = name_;
    file.size = info.st_size;
    file.rows = stats_.rows();
    file.modification_time_ms =
        int64_t{info.st_mtim.tv_sec} * 1000 + info.st_mtim.tv_nsec / 1'000'000;
    file.stats = stats_.ToJson();
    return file;
  }

 private:
  // Spark's Parquet reader believes footer bounds also when it looks for NaN, which they leave out,
  // and takes a dictionary without 0.0 to mean that no -0.0 equals it: both lose rows. The log's
  // statistics do the skipping instead.
  std::shared_ptr<parquet::WriterProperties> Properties() const {
    parquet::WriterProperties::Builder builder;
    builder.compression(parquet::Compression::ZSTD)
        ->max_row_group_length(kRowGroupRows)
        ->created_by("weir");
    for (const Column& column : schema_.columns) {
      if (column.type.kind != TypeKind::kReal && column.type.kind != TypeKind::kDouble) continue;
      const auto path = std::make_shared<parquet::schema::ColumnPath>(
          std::vector<std::string>{column.name});  // as text, a dot would split it
      builder.disable_dictionary(path)->disable_statistics(path);
    }
    return builder.build();
  }

  absl::Status CheckBatch(const arrow::RecordBatch& batch) const {
    if (batch.num_columns() != schema_.size())
      return absl::InvalidArgumentError(absl::StrCat(path_, " has ", schema_.size(),
                                                     " columns, the batch ", batch.num_columns()));
    for (int c = 0; c < schema_.size(); ++c) {
      const Column& column = schema_.columns[c];
      if (!batch.column(c)->type()->Equals(*arrow_schema_->field(c)->type()))
        return absl::InvalidArgumentError(
            absl::StrCat("column ", column.name, " of ", path_, " is ", ToString(column.type),
                         ", the batch has ", batch.column(c)->type()->ToString()));
      if (!column.nullable && batch.column(c)->null_count() > 0)
        return absl::InvalidArgumentError(
            absl::StrCat("NULL in column ", column.name, " of ", path_, ", which is NOT NULL"));
    }
    return absl::OkStatus();
  }

  // What can't be uploaded stays behind with the rest of the task's cache.
  absl::Status Upload() {
    WEIR_RETURN_IF_ERROR(place_.upload->PutFileIfAbsent(name_, path_));
    if (unlink(path_.c_str()) != 0) return ErrnoError(errno, "removing", path_);
    return absl::OkStatus();
  }

  // Arrow's error with the path, and the system's reason where there was one.
  absl::Status Failed(const char* what, const arrow::Status& status) const {
    if (status.ok()) return absl::OkStatus();
    const int error = arrow::internal::ErrnoFromStatus(status);
    if (error != 0) return ErrnoError(error, what, path_);
    return absl::InternalError(absl::StrCat(what, " ", path_, ": ", status.ToString()));
  }

  const DataFilePlace place_;
  const std::string name_;
  const std::string path_;  // while it is written
  const Schema schema_;
  const std::shared_ptr<arrow::Schema> arrow_schema_;
  FileStats stats_;
  std::shared_ptr<arrow::io::FileOutputStream> stream_;  // shared: so Arrow's writer wants it
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  arrow::RecordBatchVector group_;  // rows of the next row group
  int64_t group_bytes_ = 0;         // as Arrow holds them
  int64_t group_rows_ = 0;
  int64_t row_groups_ = 0;
  double ratio_ = 1.0;  // written per Arrow byte, by the last row group
};

}  // namespace

absl::StatusOr<std::unique_ptr<DataFileWriter>> OpenDataFile(const DataFilePlace& place,
                                                             const std::string& name,
                                                             const Schema& schema) {
  auto file = std::make_unique<ParquetDataFile>(place, name, schema);
  WEIR_RETURN_IF_ERROR(file->Open());
  return file;
}

}  // namespace weir
