// Remote read as a client: what another server answers, as a series batch. Format:
// docs/formats/remote-read.md.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bytes/protobuf.h"
#include "chunk/series_batch.h"
#include "labels/row_index.h"
#include "remote/histogram_message.h"

namespace narthex {

// Takes in the answer to one query, in either form. Nothing of it is trusted: every chunk is decoded once, so
// that what finish() gives can be read without errors and ascends in time. After a throw it is of no use.
class ReadIntake {
  public:
    // Frames of chunks, or a ReadResponse in snappy's block format.
    enum class Form { kFrames, kSamples };
    struct Limits {
        size_t frame;  // bytes of a frame's message
        size_t total;  // bytes of all frames, or of an answer in samples when decompressed
    };
    // Labels of the names in `dropped` are taken off each series. With `labels_only` samples are passed over.
    ReadIntake(Form form, std::vector<std::string> dropped, Limits limits, bool labels_only)
        : form_(form), dropped_(std::move(dropped)), limits_(limits), labels_only_(labels_only) {}

    // The next bytes of the answer. Throws DecodeError, and LimitError as soon as a length that it declares
    // is over a limit.
    void feed(std::span<const uint8_t> piece);
    // Everything, in label order. Throws DecodeError, also when the answer ends early.
    SeriesBatch finish();

  private:
    using Bytes = std::vector<uint8_t>;
    void check_compressed() const;
    size_t whole_frames() const;
    void read_frames(std::span<const uint8_t> frames);
    void read_chunked_series(ProtoReader in);
    ChunkView read_chunk(ProtoReader in);
    void verify(ChunkView& chunk);
    void read_samples();
    void read_timeseries(ProtoReader in);
    void read_sample(ProtoReader in);
    void add_floats(std::vector<ChunkView>& to);
    void add_histograms(std::vector<ChunkView>& to);
    void read_label(ProtoReader in);
    uint32_t row(const ProtoReader& in);

    Form form_;
    std::vector<std::string> dropped_;
    Limits limits_;
    bool labels_only_;
    LabelSets labels_;
    RowIndex index_{labels_};
    std::vector<std::vector<ChunkView>> chunks_;  // by row
    std::vector<std::shared_ptr<const void>> owners_;
    Bytes pending_;  // the beginning of a frame, or all that came of samples
    size_t taken_ = 0;
    // Of the series that is read.
    std::vector<LabelPair> pairs_;
    std::vector<int64_t> times_;
    std::vector<double> values_;
    HistogramBatch histograms_;
    std::vector<HistogramMessages::Times> histogram_times_;
    HistogramMessages histogram_reader_;
    // Of the chunk that is verified.
    SampleBuffer decoded_;
    HistogramColumns decoded_histograms_;
};

}  // namespace narthex
