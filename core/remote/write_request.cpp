#include "remote/write_request.h"

#include <algorithm>
#include <stdexcept>

#include "bytes/snappy.h"
#include "bytes/utf8.h"

namespace narthex {

namespace {

// A real message of each kind takes more bytes than kMostWriteBytes / these; a request of empty messages
// would take many times its size in columns.
constexpr size_t kMostSources = size_t{1} << 20;
constexpr size_t kMostSymbols = size_t{1} << 22;
constexpr size_t kMostFloats = size_t{1} << 22;
constexpr size_t kMostHistograms = size_t{1} << 20;
constexpr size_t kMostExemplars = size_t{1} << 20;
// Of keys that are put together, all in all: few symbols could make many long label sets.
constexpr size_t kMostKeyBytes = 2 * kMostWriteBytes;

constexpr uint64_t kLeftOut = 0;
constexpr uint64_t kUnresolved = ~uint64_t{0};

// Field numbers of TimeSeries. Labels are field 1 and floats field 2 in both versions, and so are an
// exemplar's labels (1), value (2) and time (3).
constexpr uint32_t kLabels = WriteRequest::kLabels, kFloats = 2;
uint32_t histogram_field(bool version2) {
    return version2 ? 3 : 4;
}
uint32_t exemplar_field(bool version2) {
    return version2 ? 4 : 3;
}

size_t put_length(char* to, size_t n) {
    size_t used = 0;
    for (; n >= 0x80; n >>= 7) to[used++] = static_cast<char>(n | 0x80);
    to[used++] = static_cast<char>(n);
    return used;
}

size_t length_size(size_t n) {
    size_t size = 1;
    for (; n >= 0x80; n >>= 7) ++size;
    return size;
}

// What a Label message of version 1.0 takes without its tag and length.
size_t label_size(std::string_view name, std::string_view value) {
    return 2 + length_size(name.size()) + name.size() + length_size(value.size()) + value.size();
}

}  // namespace

WriteRequest::WriteRequest(std::span<const uint8_t> compressed, bool version2, int64_t latest,
                           std::shared_ptr<SeriesCache> cache, bool type_and_unit)
    : version2_(version2),
      latest_(latest),
      type_and_unit_(type_and_unit && version2),
      cache_(std::move(cache)) {
    snappy_decode(compressed, kMostWriteBytes, plain_);
    if (version2_) read_symbols();
    read_series();
    find();
    parts_.emplace_back();
    std::unordered_set<uint64_t> with_histograms;
    for (uint32_t i = 0; i < sources_.size(); ++i) {
        if (refs_[i] != kLeftOut) read_samples(i, with_histograms);
    }
}

void WriteRequest::count(size_t& of, size_t more, size_t most) const {
    of += more;
    if (of > most) throw DecodeError("write request has too many parts of a kind", plain_.size());
}

ProtoReader WriteRequest::reader(const Source& source) const {
    return {{plain_.data() + source.offset, source.size}, plain_.data()};
}

std::string_view WriteRequest::symbol(uint32_t number) const {
    auto [offset, size] = symbols_[number];
    return {reinterpret_cast<const char*>(plain_.data()) + offset, size};
}

void WriteRequest::read_symbols() {
    size_t symbols = 0;
    for (ProtoReader in(plain_); in.next();) {
        if (in.field() != 4) {
            in.skip();
            continue;
        }
        std::string_view text = in.string();
        count(symbols, 1, kMostSymbols);
        symbols_.emplace_back(in.offset() - text.size(), text.size());
    }
}

void WriteRequest::read_series() {
    for (ProtoReader in(plain_); in.next();) {
        if (in.field() == (version2_ ? 5u : 1u)) {
            ProtoReader series = in.message();
            size_t offset = series.offset();
            scan(series, in.offset() - offset);
        } else {
            in.skip();
        }
    }
}

// Notes where the message is, what it holds and what its series is called.
void WriteRequest::scan(ProtoReader in, size_t size) {
    size_t begin = in.offset(), labels_end = begin, at = begin;
    Source source{static_cast<uint32_t>(begin), static_cast<uint32_t>(size), 0, 0, 0};
    size_t exemplars = 0;
    bool scattered = false;
    ProtoReader whole = in;
    for (; in.next(); at = in.offset()) {
        uint32_t field = in.field();
        in.skip();
        if (field == kLabels) {
            if (at == labels_end) {
                labels_end = in.offset();
            } else {
                scattered = true;
            }
        } else if (field == kFloats) {
            ++source.floats;
        } else if (field == histogram_field(version2_)) {
            ++source.histograms;
        } else if (field == exemplar_field(version2_)) {
            ++exemplars;
        }
    }
    source.rest = static_cast<uint32_t>(labels_end - begin);
    if (source.floats + source.histograms == 0 && (version2_ || exemplars == 0)) {
        if (!version2_) return;  // nothing to store, and no fault either
        std::string reason;
        bool fine = read_sound_labels(whole, labels_, reason);
        if (fine) {
            reason =
                "TimeSeries must contain at least one sample or histogram for series " + text_of(labels_);
        }
        leave_out(source, std::move(reason), !fine);
        return;
    }
    if (sources_.size() == kMostSources) whole.fail("write request has too many series");
    count(floats_, source.floats, kMostFloats);
    count(histograms_, source.histograms, kMostHistograms);
    count(exemplar_count_, exemplars, kMostExemplars);
    sources_.push_back(source);
    const auto* text = reinterpret_cast<const char*>(plain_.data());
    keys_.emplace_back(key_of(whole, {text + begin, labels_end - begin}, scattered));
}

// The series' labels as version 1.0 writes them; empty when they are not to be looked up.
std::string_view WriteRequest::key_of(ProtoReader in, std::string_view first_labels, bool scattered) {
    if (!version2_ && !scattered) return first_labels;
    if (!read_labels(in, labels_).empty() || !take_type_and_unit(in, labels_).empty()) return {};
    size_t size = 0;
    for (auto [name, value] : labels_) {
        size_t inner = label_size(name, value);
        size += 1 + length_size(inner) + inner;
        if (size > SeriesCache::kLongestKey) return {};
    }
    if (size > kMostKeyBytes - key_bytes_) return {};
    constexpr size_t kBlock = 4 * SeriesCache::kLongestKey;
    size_t used = key_bytes_ % kBlock;
    if (key_texts_.empty() || used + size > kBlock) {
        key_texts_.push_back(std::make_unique_for_overwrite<char[]>(kBlock));
        key_bytes_ = (key_texts_.size() - 1) * kBlock;
        used = 0;
    }
    char* begin = key_texts_.back().get() + used;
    char* to = begin;
    auto put = [&to](char tag, std::string_view text) {
        *to++ = tag;
        to += put_length(to, text.size());
        to = std::copy(text.begin(), text.end(), to);
    };
    for (auto [name, value] : labels_) {
        *to++ = 0x0a;
        to += put_length(to, label_size(name, value));
        put(0x0a, name);
        put(0x12, value);
    }
    key_bytes_ += size;
    return {begin, size};
}

void WriteRequest::find() {
    refs_.resize(sources_.size());
    cache_->find(keys_, refs_);
    for (uint32_t i = 0; i < sources_.size(); ++i) {
        if (refs_[i] != 0) continue;
        std::string reason;
        if (read_sound_labels(reader(sources_[i]), labels_, reason)) {
            refs_[i] = kUnresolved;
            unknown_.add_row(labels_);
            unknown_sources_.push_back(i);
        } else {
            refs_[i] = kLeftOut;
            leave_out(sources_[i], std::move(reason), true);
        }
    }
}

void WriteRequest::resolve(std::span<const uint64_t> refs) {
    if (refs.size() != unknown_sources_.size()) throw std::invalid_argument("columns differ in length");
    std::vector<SeriesCache::Key> keys;
    keys.reserve(refs.size());
    for (size_t i = 0; i < refs.size(); ++i) {
        refs_[unknown_sources_[i]] = refs[i];
        keys.push_back(keys_[unknown_sources_[i]]);
    }
    cache_->add(keys, refs);
}

std::vector<uint64_t> WriteRequest::refs(std::span<const uint32_t> sources) const {
    std::vector<uint64_t> out(sources.size());
    for (size_t i = 0; i < sources.size(); ++i) out[i] = refs_[sources[i]];
    return out;
}

void WriteRequest::read_samples(uint32_t number, std::unordered_set<uint64_t>& with_histograms) {
    const Source& source = sources_[number];
    if (histograms_ > 0 && source.floats > 0 && with_histograms.contains(keys_[number].hash)) {
        parts_.emplace_back();
        with_histograms.clear();
    }
    if (source.histograms > 0) with_histograms.insert(keys_[number].hash);
    Part& part = parts_.back();
    Source rest{source.offset + source.rest, source.size - source.rest, 0, 0, 0};
    for (ProtoReader in = reader(rest); in.next();) {
        if (in.field() == kFloats) {
            read_float(in.message(), number, part.floats);
        } else if (in.field() == histogram_field(version2_)) {
            auto times = histogram_messages_.read(in.message(), latest_, part.histograms.values);
            if (times.t > latest_) {
                ahead_.histograms.push_back(number);
                continue;
            }
            part.histograms.sources.push_back(number);
            part.histograms.times.push_back(times.t);
            part.histograms.starts.push_back(version2_ ? times.start : 0);
        } else if (in.field() == exemplar_field(version2_)) {
            read_exemplar(in.message(), number);
        } else {
            in.skip();
        }
    }
}

void WriteRequest::read_float(ProtoReader in, uint32_t number, Floats& out) {
    double value = 0;
    int64_t t = 0, start = 0;
    while (in.next()) {
        switch (in.field()) {
            case 1:
                value = in.float64();
                break;
            case 2:
                t = in.int64();
                break;
            case 3:
                if (version2_) {
                    start = in.int64();
                } else {
                    in.skip();
                }
                break;
            default:
                in.skip();
        }
    }
    if (t > latest_) {
        ahead_.floats.push_back(number);
        return;
    }
    if (start != 0 || !out.starts.empty()) {
        out.starts.resize(out.times.size());
        out.starts.push_back(start);
    }
    out.sources.push_back(number);
    out.times.push_back(t);
    out.values.push_back(value);
}

void WriteRequest::read_exemplar(ProtoReader in, uint32_t number) {
    Pairs& labels = labels_;
    std::string reason = read_labels(in, labels);
    if (!reason.empty()) {
        problems_.add("parsing exemplar for series " + label_text(number) + ": " + reason);
        return;
    }
    double value = 0;
    int64_t t = 0;
    while (in.next()) {
        switch (in.field()) {
            case 2:
                value = in.float64();
                break;
            case 3:
                t = in.int64();
                break;
            default:
                in.skip();
        }
    }
    std::sort(labels.begin(), labels.end());
    auto same_name = [](const auto& a, const auto& b) { return a.first == b.first; };
    bool fine = std::all_of(labels.begin(), labels.end(),
                            [](const auto& l) { return is_utf8(l.first) && is_utf8(l.second); }) &&
                std::adjacent_find(labels.begin(), labels.end(), same_name) == labels.end();
    if (!fine || t > latest_) return;  // as storage does with exemplars that it cannot keep
    exemplars_.sources.push_back(number);
    exemplars_.times.push_back(t);
    exemplars_.values.push_back(value);
    exemplars_.labels.add_row(labels);
}

void WriteRequest::leave_out(const Source& source, std::string reason, bool labels) {
    if (labels) invalid_ += version2_ ? source.floats + source.histograms : 1;
    problems_.add(std::move(reason));
}

}  // namespace narthex
