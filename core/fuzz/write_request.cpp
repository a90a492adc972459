// Remote write requests from anywhere, of both versions, compressed by us or as they come. A request ends in
// a DecodeError or in columns of equal length; decoded again, with all its series known, it gives the same
// ones.
#include "remote/write_request.h"

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <vector>

#include "bytes/error.h"
#include "bytes/snappy.h"

using namespace narthex;

namespace {

constexpr int64_t kLatest = int64_t{1} << 42;

void check(bool holds) {
    if (!holds) std::abort();
}

size_t check_columns(WriteRequest& request) {
    size_t samples = 0;
    for (const WriteRequest::Part& part : request.parts()) {
        const auto& f = part.floats;
        const auto& h = part.histograms;
        size_t n = f.sources.size(), m = h.sources.size();
        check(f.times.size() == n && f.values.size() == n && (f.starts.empty() || f.starts.size() == n));
        check(h.times.size() == m && h.starts.size() == m && h.values.size() == m);
        for (uint64_t ref : request.refs(f.sources)) check(ref != 0);
        for (uint64_t ref : request.refs(h.sources)) check(ref != 0);
        for (int64_t t : f.times) check(t <= kLatest);
        samples += n + m;
    }
    const auto& e = request.exemplars();
    size_t n = e.sources.size();
    check(e.times.size() == n && e.values.size() == n && e.labels.rows() == n);
    for (uint32_t source : e.sources) check(source < request.sources());
    for (uint32_t i = 0; i < request.sources(); ++i) check(request.label_text(i).size() >= 2);
    return samples;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    bool version2 = (data[0] & 1) != 0, type_and_unit = (data[0] & 4) != 0;
    std::vector<uint8_t> packed(data + 1, data + size);
    if ((data[0] & 2) == 0) {
        packed.clear();
        snappy_encode({data + 1, size - 1}, packed);
    }
    auto cache = std::make_shared<SeriesCache>(1 << 20);
    try {
        WriteRequest request(packed, version2, kLatest, cache, type_and_unit);
        std::vector<uint64_t> refs(request.unknown().rows());
        std::iota(refs.begin(), refs.end(), uint64_t{1});
        request.resolve(refs);
        size_t samples = check_columns(request);
        WriteRequest again(packed, version2, kLatest, cache, type_and_unit);
        again.resolve(std::vector<uint64_t>(again.unknown().rows(), 1));  // labels too long for the cache
        check(check_columns(again) == samples && again.sources() == request.sources());
        check(again.problems().count == request.problems().count && again.invalid() == request.invalid());
    } catch (const DecodeError&) {
    }
    return 0;
}
