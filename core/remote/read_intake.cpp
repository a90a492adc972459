#include "remote/read_intake.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

#include "block/reencode.h"
#include "bytes/crc32c.h"
#include "bytes/reader.h"
#include "bytes/snappy.h"
#include "bytes/utf8.h"
#include "chunk/histogram.h"
#include "chunk/histogram_cut.h"

namespace narthex {

namespace {

constexpr size_t kLengthBytes = 5;            // at most: lengths are below 2^35
constexpr size_t kColumnsPerChunk = 1 << 20;  // samples

struct Length {
    size_t bytes = 0;  // that it takes; 0: not all of it is there
    size_t value = 0;
};

// The length in front of a frame, where the checksum follows, or of compressed data.
Length read_length(std::span<const uint8_t> in) {
    size_t size = 0;
    for (size_t i = 0; i < kLengthBytes; ++i) {
        if (i == in.size()) return {};
        size |= static_cast<size_t>(in[i] & 0x7f) << (7 * i);
        if (in[i] < 0x80) return {i + 1, size};
    }
    throw DecodeError("length takes too many bytes", 0);
}

[[noreturn]] void throw_larger(size_t limit) {
    throw LimitError("answer is larger than " + std::to_string(limit) + " bytes");
}

template <typename Times>
void verify_ascending(const Times& times, size_t n) {
    for (size_t i = 1; i < n; ++i) {
        if (times[i] <= times[i - 1]) throw DecodeError("samples of a chunk are out of order", 0);
    }
}

}  // namespace

void ReadIntake::feed(std::span<const uint8_t> piece) {
    taken_ += piece.size();
    if (form_ == Form::kFrames && taken_ > limits_.total) throw_larger(limits_.total);
    pending_.insert(pending_.end(), piece.begin(), piece.end());
    if (form_ == Form::kSamples) {
        check_compressed();
        return;
    }
    auto end = static_cast<ptrdiff_t>(whole_frames());
    if (end == 0) return;
    auto frames = std::make_shared<const Bytes>(pending_.begin(), pending_.begin() + end);
    pending_.erase(pending_.begin(), pending_.begin() + end);
    read_frames(*frames);
    if (!labels_only_) owners_.push_back(std::move(frames));
}

// Whether what came can be the beginning of compressed data within the limit.
void ReadIntake::check_compressed() const {
    Length plain = read_length(pending_);
    if (plain.bytes == 0) return;
    if (plain.value > limits_.total) throw_larger(limits_.total);
    // What the format's own encoder needs at most.
    if (pending_.size() > 32 + plain.value + plain.value / 6) {
        throw DecodeError("more compressed data than its length needs", pending_.size());
    }
}

// Where the last frame that is there as a whole ends.
size_t ReadIntake::whole_frames() const {
    std::span<const uint8_t> in(pending_);
    size_t end = 0;
    while (true) {
        Length head = read_length(in.subspan(end));
        if (head.bytes == 0) return end;
        if (head.value > limits_.frame) {
            throw LimitError("frame of " + std::to_string(head.value) + " bytes is larger than " +
                             std::to_string(limits_.frame));
        }
        size_t frame = head.bytes + 4 + head.value;
        if (in.size() - end < frame) return end;
        end += frame;
    }
}

void ReadIntake::read_frames(std::span<const uint8_t> frames) {
    while (!frames.empty()) {
        Length head = read_length(frames);
        auto message = frames.subspan(head.bytes + 4, head.value);
        if (load_be32(frames.data() + head.bytes) != crc32c(message)) {
            throw DecodeError("checksum of a frame is wrong", 0);
        }
        for (ProtoReader in(message); in.next();) {
            if (in.field() == 1) {
                read_chunked_series(in.message());
            } else if (in.field() == 2) {
                if (in.uint64() != 0) in.fail("answer to a query that was not asked");
            } else {
                in.skip();
            }
        }
        frames = frames.subspan(head.bytes + 4 + head.value);
    }
}

void ReadIntake::read_chunked_series(ProtoReader in) {
    pairs_.clear();
    std::vector<ChunkView> chunks;
    while (in.next()) {
        if (in.field() == 1) {
            read_label(in.message());
        } else if (in.field() == 2 && !labels_only_) {
            ChunkView chunk = read_chunk(in.message());
            if (chunk.maxt >= chunk.mint) chunks.push_back(chunk);
        } else {
            in.skip();
        }
    }
    std::vector<ChunkView>& all = chunks_[row(in)];
    all.insert(all.end(), chunks.begin(), chunks.end());
}

// Its times are not read: they are what the samples say. One without samples has mint above maxt.
ChunkView ReadIntake::read_chunk(ProtoReader in) {
    ChunkView chunk{1, 0, nullptr, 0, 0};
    while (in.next()) {
        if (in.field() == 3) {
            chunk.encoding = static_cast<uint8_t>(std::min<uint64_t>(in.uint64(), kEncodingColumns - 1));
        } else if (in.field() == 4) {
            std::span<const uint8_t> bytes = in.bytes();
            chunk.data = bytes.data();
            chunk.size = static_cast<uint32_t>(bytes.size());
        } else {
            in.skip();
        }
    }
    verify(chunk);
    return chunk;
}

void ReadIntake::verify(ChunkView& chunk) {
    constexpr int64_t kFirst = std::numeric_limits<int64_t>::min(),
                      kLast = std::numeric_limits<int64_t>::max();
    if (chunk_sample_count({chunk.data, chunk.size}, chunk.encoding) == 0) return;
    if (is_histogram(chunk.encoding)) {
        decoded_histograms_.clear();
        histogram_decode({chunk.data, chunk.size}, chunk.encoding, kFirst, kLast, decoded_histograms_);
        const std::vector<int64_t>& times = decoded_histograms_.times;
        verify_ascending(times, times.size());
        chunk.mint = times.front();
        chunk.maxt = times.back();
    } else {
        decoded_.clear();
        decode_chunk(chunk, kFirst, kLast, decoded_);
        if (decoded_.size() == 0) return;
        verify_ascending(decoded_.times(), decoded_.size());
        chunk.mint = decoded_.times()[0];
        chunk.maxt = decoded_.times()[decoded_.size() - 1];
    }
}

void ReadIntake::read_samples() {
    Bytes plain;
    snappy_decode(pending_, limits_.total, plain);
    pending_ = {};
    size_t results = 0;
    for (ProtoReader in(plain); in.next();) {
        if (in.field() != 1) {
            in.skip();
            continue;
        }
        if (++results > 1) in.fail("answer to a query that was not asked");
        for (ProtoReader result = in.message(); result.next();) {
            if (result.field() == 1) {
                read_timeseries(result.message());
            } else {
                result.skip();
            }
        }
    }
}

void ReadIntake::read_timeseries(ProtoReader in) {
    pairs_.clear();
    times_.clear();
    values_.clear();
    histograms_ = {};
    histogram_times_.clear();
    while (in.next()) {
        if (in.field() == 1) {
            read_label(in.message());
        } else if (in.field() == 2 && !labels_only_) {
            read_sample(in.message());
        } else if (in.field() == 4 && !labels_only_) {
            histogram_times_.push_back(
                histogram_reader_.read(in.message(), std::numeric_limits<int64_t>::max(), histograms_));
        } else {
            in.skip();
        }
    }
    std::vector<ChunkView>& chunks = chunks_[row(in)];
    add_floats(chunks);
    add_histograms(chunks);
}

void ReadIntake::read_sample(ProtoReader in) {
    int64_t t = 0;
    double v = 0;
    while (in.next()) {
        if (in.field() == 1) {
            v = in.float64();
        } else if (in.field() == 2) {
            t = in.int64();
        } else {
            in.skip();
        }
    }
    if (!times_.empty() && t <= times_.back()) in.fail("samples are out of order");
    times_.push_back(t);
    values_.push_back(v);
}

void ReadIntake::add_floats(std::vector<ChunkView>& to) {
    for (size_t first = 0; first < times_.size(); first += kColumnsPerChunk) {
        size_t n = std::min(times_.size() - first, kColumnsPerChunk);
        auto column = std::make_shared<std::vector<uint64_t>>(2 * n);
        std::memcpy(column->data(), times_.data() + first, 8 * n);
        std::memcpy(column->data() + n, values_.data() + first, 8 * n);
        to.push_back({times_[first], times_[first + n - 1], reinterpret_cast<const uint8_t*>(column->data()),
                      static_cast<uint32_t>(16 * n), kEncodingColumns});
        owners_.push_back(std::move(column));
    }
}

void ReadIntake::add_histograms(std::vector<ChunkView>& to) {
    if (histogram_times_.empty()) return;
    HistogramColumns columns;
    HistogramWalk walk(histograms_.columns());
    for (size_t i = 0; i < histogram_times_.size(); ++i) {
        if (histograms_.fault(i) != HistogramFault::kNone) throw DecodeError("malformed histogram", 0);
        columns.push(histogram_times_[i].t, histogram_times_[i].start, walk.at(i));
    }
    verify_ascending(columns.times, columns.size());
    for (const HistogramPart& part : cut_histograms(columns, kSamplesPerChunk)) {
        auto bytes = std::make_shared<const Bytes>(encode_part(columns, part));
        to.push_back({columns.times[part.first], columns.times[part.last - 1], bytes->data(),
                      static_cast<uint32_t>(bytes->size()), part.encoding});
        owners_.push_back(std::move(bytes));
    }
}

void ReadIntake::read_label(ProtoReader in) {
    std::string_view name, value;
    while (in.next()) {
        if (in.field() == 1) {
            name = in.string();
        } else if (in.field() == 2) {
            value = in.string();
        } else {
            in.skip();
        }
    }
    if (name.empty() || !is_utf8(name) || !is_utf8(value)) in.fail("label has no name or is not UTF-8");
    if (value.empty() || std::find(dropped_.begin(), dropped_.end(), name) != dropped_.end()) return;
    SymbolTable& symbols = *labels_.symbols();
    pairs_.push_back({symbols.intern(name), symbols.intern(value)});
}

// The row of the series whose labels were read; series that differ in dropped labels alone share one.
uint32_t ReadIntake::row(const ProtoReader& in) {
    auto name = [&](LabelPair p) { return labels_.text(p.name); };
    std::sort(pairs_.begin(), pairs_.end(), [&](LabelPair a, LabelPair b) { return name(a) < name(b); });
    auto twice = std::adjacent_find(pairs_.begin(), pairs_.end(),
                                    [](LabelPair a, LabelPair b) { return a.name == b.name; });
    if (twice != pairs_.end()) in.fail("series has a label twice");
    uint32_t row = index_.find_or_add(pairs_);
    if (row >= chunks_.size()) chunks_.resize(row + 1);
    return row;
}

SeriesBatch ReadIntake::finish() {
    if (form_ == Form::kSamples) read_samples();
    if (!pending_.empty()) throw DecodeError("answer ends inside a frame", taken_);
    std::vector<uint32_t> order(labels_.rows());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(),
              [&](uint32_t a, uint32_t b) { return compare_rows(labels_, a, labels_, b) < 0; });
    SeriesBatch batch;
    batch.labels = LabelSets(labels_.symbols());
    for (uint32_t row : order) {
        batch.labels.add_row(labels_.row(row));
        std::vector<ChunkView>& chunks = chunks_[row];
        std::stable_sort(chunks.begin(), chunks.end(),
                         [](const ChunkView& a, const ChunkView& b) { return a.mint < b.mint; });
        batch.chunks.insert(batch.chunks.end(), chunks.begin(), chunks.end());
        batch.offsets.push_back(batch.chunks.size());
    }
    batch.owners = std::move(owners_);
    return batch;
}

}  // namespace narthex
