// A remote write request as columns: protocol versions 1.0 (prometheus.WriteRequest) and 2.0
// (io.prometheus.write.v2.Request). Times are milliseconds.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "bytes/damage.h"
#include "bytes/protobuf.h"
#include "chunk/histogram_batch.h"
#include "labels/label_sets.h"
#include "remote/histogram_message.h"
#include "remote/series_cache.h"

namespace narthex {

// Most bytes of a request when decompressed.
inline constexpr size_t kMostWriteBytes = size_t{32} << 20;

class WriteRequest {
  public:
    // A TimeSeries message that brings something and whose labels are right is a source; numbers of sources
    // stand in the columns. Samples of a source keep their order.
    struct Floats {
        std::vector<uint32_t> sources;
        std::vector<int64_t> times, starts;  // starts: 0 unknown; empty when all are
        std::vector<double> values;
    };
    struct Histograms {
        std::vector<uint32_t> sources;
        std::vector<int64_t> times, starts;
        HistogramBatch values;
    };
    // Stored part by part, floats of a part before its histograms, samples of a series come in their order.
    struct Part {
        Floats floats;
        Histograms histograms;
    };
    struct Exemplars {
        std::vector<uint32_t> sources;
        std::vector<int64_t> times;
        std::vector<double> values;
        LabelSets labels;
    };

    // Sources of samples that are later than is allowed, which are in no column.
    struct Ahead {
        std::vector<uint32_t> floats, histograms;
    };

    // Decodes a request in snappy's block format. `cache` is asked for references, and learns those that
    // resolve() brings. Samples and exemplars later than `latest` are left out. With `type_and_unit` series
    // of version 2.0 get labels that say what their metadata says. Throws DecodeError; nothing of such a
    // request is to be stored.
    WriteRequest(std::span<const uint8_t> compressed, bool version2, int64_t latest,
                 std::shared_ptr<SeriesCache> cache, bool type_and_unit = false);
    WriteRequest(const WriteRequest&) = delete;
    WriteRequest& operator=(const WriteRequest&) = delete;

    // Label sets that the cache does not know; resolve() wants their references in the same order.
    const LabelSets& unknown() const { return unknown_; }
    void resolve(std::span<const uint64_t> refs);
    // References of sources, each resolved.
    std::vector<uint64_t> refs(std::span<const uint32_t> sources) const;

    size_t sources() const { return sources_.size(); }
    const std::vector<Part>& parts() const { return parts_; }
    const Exemplars& exemplars() const { return exemplars_; }
    const Ahead& ahead() const { return ahead_; }
    // {name="value", ...} of a source, at most about kMostText bytes of it.
    std::string label_text(uint32_t source);

    // What was left out because it cannot be stored, in words of the protocol's reference implementation.
    const Damage& problems() const { return problems_; }
    // Series (1.0) or samples (2.0) that were left out because of their labels.
    uint64_t invalid() const { return invalid_; }

    static constexpr size_t kMostText = 1 << 14;
    static constexpr uint32_t kLabels = 1;  // field number in a TimeSeries and an Exemplar

  private:
    using Pairs = std::vector<std::pair<std::string_view, std::string_view>>;
    struct Source {
        uint32_t offset, size;  // of the message
        uint32_t rest;          // where the fields after its first labels begin, from `offset`
        uint32_t floats, histograms;
    };

    ProtoReader reader(const Source& source) const;
    void read_symbols();
    void read_series();
    void scan(ProtoReader in, size_t size);
    std::string_view key_of(ProtoReader in, std::string_view first_labels, bool scattered);
    void find();
    void read_samples(uint32_t number, std::unordered_set<uint64_t>& with_histograms);
    void read_float(ProtoReader in, uint32_t number, Floats& out);
    void read_exemplar(ProtoReader in, uint32_t number);
    // The labels of a TimeSeries or an Exemplar in the order in which they came; or what is wrong with their
    // symbols.
    std::string read_labels(ProtoReader in, Pairs& out);
    // Adds those for type and unit; or says what is wrong with the metadata.
    std::string take_type_and_unit(ProtoReader in, Pairs& labels) const;
    // The same of a TimeSeries that can be stored, sorted; else says why it cannot.
    bool read_sound_labels(ProtoReader in, Pairs& out, std::string& reason);
    // Whether a series can have these; else says why not. Sorts them.
    bool check_labels(Pairs& labels, std::string& reason) const;
    void leave_out(const Source& source, std::string reason, bool labels);
    std::string_view symbol(uint32_t number) const;
    static std::string text_of(const Pairs& labels);
    void count(size_t& of, size_t more, size_t most) const;

    const bool version2_;
    const int64_t latest_;
    const bool type_and_unit_;
    std::shared_ptr<SeriesCache> cache_;
    std::vector<uint8_t> plain_;
    std::vector<std::pair<uint32_t, uint32_t>> symbols_;  // offset, size
    std::vector<uint32_t> numbers_;                       // of symbols, as they were read last
    Pairs labels_;                                        // for use within a method
    std::vector<Source> sources_;
    std::vector<SeriesCache::Key> keys_;
    std::vector<std::unique_ptr<char[]>> key_texts_;
    size_t key_bytes_ = 0;
    std::vector<uint64_t> refs_;  // of sources
    LabelSets unknown_;
    std::vector<uint32_t> unknown_sources_;
    std::vector<Part> parts_;
    Exemplars exemplars_;
    Ahead ahead_;
    HistogramMessages histogram_messages_;
    Damage problems_;
    uint64_t invalid_ = 0;
    size_t floats_ = 0, histograms_ = 0, exemplar_count_ = 0;
};

}  // namespace narthex
