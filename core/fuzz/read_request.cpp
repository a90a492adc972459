// Remote read requests from anywhere, compressed by us or as they come: they end in a DecodeError or in
// queries. A series is answered whatever their times are, with their texts as external labels.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "bytes/error.h"
#include "bytes/protobuf.h"
#include "bytes/snappy.h"
#include "remote/read.h"

using namespace narthex;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

void answer(const ReadQuery& query) {
    SeriesBatch batch;
    std::vector<std::pair<std::string_view, std::string_view>> labels{{"__name__", "a"}, {"b", "c"}};
    batch.labels.add_row(labels);
    std::vector<uint64_t> columns{1, 2, 3, 4};  // two times, two values
    batch.chunks.push_back({1, 2, reinterpret_cast<const uint8_t*>(columns.data()), 32, kEncodingColumns});
    batch.offsets.push_back(1);
    ExternalLabels external;
    for (const ReadMatcher& m : query.matchers) external.emplace_back(m.name, m.value);
    std::vector<uint8_t> samples, frames;
    write_read_result(batch, query.used_mint, query.used_maxt, external, 0, samples);
    for (ProtoReader in(samples); in.next();) in.message();
    ReadFrames reader(batch, query.mint, query.maxt, external, 1, 1 << 10);
    reader.next(1, frames);
    bool overlaps = query.mint <= 2 && query.maxt >= 1;
    check(frames.empty() != overlaps);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    std::vector<uint8_t> packed(data + 1, data + size);
    if ((data[0] & 1) == 0) {
        packed.clear();
        snappy_encode({data + 1, size - 1}, packed);
    }
    try {
        ReadRequest request = decode_read_request(packed);
        for (const ReadQuery& query : request.queries) answer(query);
    } catch (const DecodeError&) {
    }
    return 0;
}
