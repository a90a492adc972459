#include "remote/read.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <stdexcept>

#include "block/reencode.h"
#include "bytes/crc32c.h"
#include "bytes/protobuf.h"
#include "bytes/protobuf_writer.h"
#include "bytes/snappy.h"
#include "bytes/writer.h"
#include "chunk/histogram.h"
#include "chunk/histogram_cut.h"
#include "chunk/histogram_message.h"
#include "chunk/xor.h"

namespace narthex {

namespace {

// What a real request needs is far below.
constexpr size_t kMostQueries = 1 << 10;
constexpr size_t kMostMatchers = 1 << 12;

ReadMatcher read_matcher(ProtoReader in) {
    ReadMatcher out;
    while (in.next()) {
        switch (in.field()) {
            case 1:
                out.type = in.uint32();
                break;
            case 2:
                out.name = in.string();
                break;
            case 3:
                out.value = in.string();
                break;
            default:
                in.skip();
        }
    }
    return out;
}

void read_hints(ProtoReader in, ReadQuery& out) {
    int64_t mint = 0, maxt = 0;
    while (in.next()) {
        switch (in.field()) {
            case 3:
                mint = in.int64();
                break;
            case 4:
                maxt = in.int64();
                break;
            default:
                in.skip();
        }
    }
    if (mint == 0 && maxt == 0) return;  // a reader that hints at something else
    out.used_mint = mint;
    out.used_maxt = maxt;
}

ReadQuery read_query(ProtoReader in) {
    ReadQuery out;
    ProtoReader again = in;
    while (in.next()) {
        switch (in.field()) {
            case 1:
                out.mint = in.int64();
                break;
            case 2:
                out.maxt = in.int64();
                break;
            case 3:
                if (out.matchers.size() == kMostMatchers) in.fail("read request has too many matchers");
                out.matchers.push_back(read_matcher(in.message()));
                break;
            default:
                in.skip();
        }
    }
    out.used_mint = out.mint;
    out.used_maxt = out.maxt;
    while (again.next()) {
        if (again.field() == 4) {
            read_hints(again.message(), out);
        } else {
            again.skip();
        }
    }
    return out;
}

// Labels as Label messages in field 1, external ones among the series' own.
void write_labels(ProtoWriter& to, const LabelSets& sets, size_t row, const ExternalLabels& external) {
    std::vector<std::pair<std::string_view, std::string_view>> labels;
    for (LabelPair p : sets.row(row)) labels.emplace_back(sets.text(p.name), sets.text(p.value));
    size_t own = labels.size();
    for (const auto& [name, value] : external) {
        bool has = std::any_of(labels.begin(), labels.begin() + static_cast<ptrdiff_t>(own),
                               [&](const auto& label) { return label.first == name; });
        if (!has) labels.emplace_back(name, value);
    }
    std::sort(labels.begin(), labels.end());
    for (auto [name, value] : labels) {
        to.nested(1, [&] {
            to.string(1, name);
            to.string(2, value);
        });
    }
}

// The chunk in an encoding without start times, which is all that readers know.
void without_starts(const ChunkView& chunk, std::deque<EncodedChunk>& made, std::vector<ChunkView>& out) {
    if (!is_histogram(chunk.encoding)) {
        SampleBuffer samples;
        decode_chunk(chunk, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(),
                     samples);
        for (size_t first = 0; first < samples.size(); first += kSamplesPerChunk) {
            size_t last = std::min(samples.size(), first + kSamplesPerChunk);
            XorAppender xor_chunk;
            for (size_t k = first; k < last; ++k) xor_chunk.append(samples.times()[k], samples.values()[k]);
            made.push_back(
                {samples.times()[first], samples.times()[last - 1], kEncodingXor, xor_chunk.take()});
            out.push_back(made.back().view());
        }
        return;
    }
    HistogramColumns samples;
    histogram_decode({chunk.data, chunk.size}, chunk.encoding, std::numeric_limits<int64_t>::min(),
                     std::numeric_limits<int64_t>::max(), samples);
    std::fill(samples.start_times.begin(), samples.start_times.end(), 0);
    for (const HistogramPart& part : cut_histograms(samples, kSamplesPerChunk)) {
        made.push_back({samples.times[part.first], samples.times[part.last - 1], part.encoding,
                        encode_part(samples, part)});
        out.push_back(made.back().view());
    }
}

// The chunks of a row as readers want them: encodings 1 to 3, ascending, none over another.
std::vector<ChunkView> plain_chunks(std::span<const ChunkView> row, int64_t mint, int64_t maxt,
                                    std::deque<EncodedChunk>& made) {
    std::vector<ChunkView> chunks;
    for (const ChunkView& chunk : row) {
        if (chunk.maxt < mint || chunk.mint > maxt) continue;
        if (chunk.encoding <= kEncodingFloatHistogram) {
            chunks.push_back(chunk);
        } else {
            without_starts(chunk, made, chunks);
        }
    }
    bool overlap = false;
    for (size_t k = 1; k < chunks.size(); ++k) overlap |= chunks[k].mint <= chunks[k - 1].maxt;
    if (!overlap) return chunks;
    std::vector<ChunkView> merged;
    for (EncodedChunk& chunk : reencode(chunks, mint, maxt, nullptr)) {
        made.push_back(std::move(chunk));
        merged.push_back(made.back().view());
    }
    return merged;
}

}  // namespace

ReadRequest decode_read_request(std::span<const uint8_t> compressed) {
    std::vector<uint8_t> plain;
    snappy_decode(compressed, kMostReadBytes, plain);
    ReadRequest out;
    for (ProtoReader in(plain); in.next();) {
        switch (in.field()) {
            case 1:
                if (out.queries.size() == kMostQueries) in.fail("read request has too many queries");
                out.queries.push_back(read_query(in.message()));
                break;
            case 2:
                in.each_uint32([&](uint32_t type) { out.accepted.push_back(type); });
                break;
            default:
                in.skip();
        }
    }
    return out;
}

void write_read_result(const SeriesBatch& batch, int64_t mint, int64_t maxt, const ExternalLabels& external,
                       size_t limit, std::vector<uint8_t>& out) {
    ProtoWriter to(out);
    SampleBuffer floats;
    HistogramColumns histograms;
    std::vector<uint8_t> result;
    ProtoWriter to_result(result);
    size_t samples = 0;
    for (size_t row = 0; row < batch.rows(); ++row) {
        floats.clear();
        decode_row(batch, row, mint, maxt, floats);
        decode_histograms(batch, row, mint, maxt, histograms);
        samples += floats.size() + histograms.size();
        if (limit > 0 && samples > limit) {
            throw LimitError("exceeded sample limit (" + std::to_string(limit) + ")");
        }
        if (floats.size() + histograms.size() == 0) continue;
        to_result.nested(1, [&] {
            write_labels(to_result, batch.labels, row, external);
            for (size_t k = 0; k < floats.size(); ++k) {
                to_result.nested(2, [&] {
                    to_result.float64(1, floats.values()[k]);
                    to_result.int64(2, floats.times()[k]);
                });
            }
            HistogramWalk walk(histograms);
            for (size_t k = 0; k < histograms.size(); ++k) {
                to_result.nested(4, [&] {
                    write_histogram_fields(walk.at(k), result);
                    to_result.int64(15, histograms.times[k]);
                });
            }
        });
    }
    to.bytes(1, result);
}

ReadFrames::ReadFrames(const SeriesBatch& batch, int64_t mint, int64_t maxt, ExternalLabels external,
                       uint64_t query, size_t frame_bytes)
    : batch_(batch),
      mint_(mint),
      maxt_(maxt),
      external_(std::move(external)),
      query_(query),
      frame_bytes_(frame_bytes) {}

void ReadFrames::next(size_t wanted, std::vector<uint8_t>& out) {
    while (row_ < batch_.rows() && out.size() < wanted) {
        write_row(out);
        ++row_;
    }
}

// The frames of the row: labels and as many chunks as fit, at least one.
void ReadFrames::write_row(std::vector<uint8_t>& out) {
    std::deque<EncodedChunk> made;
    auto chunks = plain_chunks(batch_.row(row_), mint_, maxt_, made);
    std::vector<uint8_t> labels, data;
    ProtoWriter to_labels(labels);
    write_labels(to_labels, batch_.labels, row_, external_);
    for (size_t k = 0; k < chunks.size();) {
        data.clear();
        ProtoWriter to(data);
        to.nested(1, [&] {
            to.raw(labels);
            do {
                const ChunkView& chunk = chunks[k++];
                to.nested(2, [&] {
                    to.int64(1, chunk.mint);
                    to.int64(2, chunk.maxt);
                    to.uint64(3, chunk.encoding);
                    to.bytes(4, {chunk.data, chunk.size});
                });
            } while (k < chunks.size() && data.size() < frame_bytes_);
        });
        if (query_ != 0) to.uint64(2, query_);
        ByteWriter head;
        head.uvarint(data.size());
        head.be32(crc32c(data));
        out.insert(out.end(), head.buffer().begin(), head.buffer().end());
        out.insert(out.end(), data.begin(), data.end());
    }
}

}  // namespace narthex
