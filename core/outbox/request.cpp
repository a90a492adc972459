#include "outbox/request.h"

#include <algorithm>
#include <unordered_map>

#include "bytes/protobuf_writer.h"
#include "bytes/reader.h"

namespace narthex {

namespace {

// An exemplar's labels, use(name, value) for each.
template <typename Use>
void each_label(std::span<const uint8_t> strings, Use&& use) {
    ByteReader in(strings);
    while (!in.empty()) {
        std::string_view name = in.string();
        use(name, in.string());
    }
}

void write_sample(ProtoWriter& to, const Entry& e) {
    to.fixed64(1, e.value);
    to.int64(2, e.t);
}

// Symbols of one request: numbered as they come.
class RequestSymbols {
  public:
    RequestSymbols() { id(""); }
    // The same for a symbol of the series' names.
    uint32_t id(const SeriesNames& names, uint32_t symbol) {
        auto [found, fresh] = known_.try_emplace(symbol, 0);
        if (fresh) found->second = id(names.text(symbol));
        return found->second;
    }
    uint32_t id(std::string_view text) {
        auto [found, fresh] = ids_.try_emplace(text, static_cast<uint32_t>(texts_.size()));
        if (fresh) texts_.push_back(text);
        return found->second;
    }
    void write(ProtoWriter& to) const {
        for (std::string_view text : texts_) to.string(4, text);
    }

  private:
    std::unordered_map<std::string_view, uint32_t> ids_;
    std::unordered_map<uint32_t, uint32_t> known_;
    std::vector<std::string_view> texts_;
};

// Which exemplars of a request stand in the message of their series' last sample: receivers refuse messages
// that have neither samples nor histograms.
class ExemplarHosts {
  public:
    explicit ExemplarHosts(std::span<const Entry> entries) {
        auto is_exemplar = [](const Entry& e) { return e.kind == EntryKind::kExemplar; };
        if (std::none_of(entries.begin(), entries.end(), is_exemplar)) return;
        for (const Entry& e : entries) {
            if (!is_exemplar(e)) hosts_[e.row] = {&e, {}};
        }
        for (const Entry& e : entries) {
            auto host = is_exemplar(e) ? hosts_.find(e.row) : hosts_.end();
            if (host != hosts_.end()) host->second.exemplars.push_back(&e);
        }
    }
    bool hosted(const Entry& e) const { return e.kind == EntryKind::kExemplar && hosts_.contains(e.row); }
    std::span<const Entry* const> beside(const Entry& e) const {
        auto host = hosts_.find(e.row);
        if (host == hosts_.end() || host->second.sample != &e) return {};
        return host->second.exemplars;
    }

  private:
    struct Host {
        const Entry* sample;
        std::vector<const Entry*> exemplars;
    };
    std::unordered_map<uint32_t, Host> hosts_;  // by row
};

void write_exemplar_v2(ProtoWriter& to, const Entry& e, RequestSymbols& symbols) {
    to.nested(4, [&] {
        to.nested(1, [&] {
            each_label(e.rest, [&](std::string_view name, std::string_view value) {
                to.packed(symbols.id(name));
                to.packed(symbols.id(value));
            });
        });
        to.fixed64(2, e.value);
        to.int64(3, e.t);
    });
}

// `beside` are exemplars of the series that stand in the same message.
void write_series_v2(ProtoWriter& to, const Entry& e, std::span<const Entry* const> beside,
                     const SeriesNames& names, RequestSymbols& symbols) {
    auto local = [&](uint32_t symbol) { return symbols.id(names, symbol); };
    to.nested(1, [&] {
        for (uint32_t symbol : names.labels(e.row)) to.packed(local(symbol));
    });
    switch (e.kind) {
        case EntryKind::kFloat:
            to.nested(2, [&] {
                write_sample(to, e);
                if (e.start != 0) to.int64(3, e.start);
            });
            break;
        case EntryKind::kHistogram:
            to.nested(3, [&] {
                to.raw(e.rest);
                to.int64(15, e.t);
                if (e.start != 0) to.int64(17, e.start);
            });
            break;
        case EntryKind::kExemplar:
            write_exemplar_v2(to, e, symbols);
            break;
    }
    for (const Entry* exemplar : beside) write_exemplar_v2(to, *exemplar, symbols);
    const SeriesNames::Metadata& metadata = names.metadata(e.row);
    if (metadata.type == 0 && metadata.help == 0 && metadata.unit == 0) return;
    to.nested(5, [&] {
        to.uint64(1, metadata.type);
        to.uint64(3, local(metadata.help));
        to.uint64(4, local(metadata.unit));
    });
}

}  // namespace

void write_request_v1(std::span<const Entry> entries, const SeriesNames& names, std::vector<uint8_t>& out) {
    ProtoWriter to(out);
    auto label = [&](std::string_view name, std::string_view value) {
        to.nested(1, [&] {
            to.string(1, name);
            to.string(2, value);
        });
    };
    auto series = [&](const Entry& e) {
        std::span<const uint32_t> labels = names.labels(e.row);
        for (size_t i = 0; i + 1 < labels.size(); i += 2)
            label(names.text(labels[i]), names.text(labels[i + 1]));
        switch (e.kind) {
            case EntryKind::kFloat:
                to.nested(2, [&] { write_sample(to, e); });
                break;
            case EntryKind::kHistogram:
                to.nested(4, [&] {
                    to.raw(e.rest);
                    to.int64(15, e.t);
                });
                break;
            case EntryKind::kExemplar:
                to.nested(3, [&] {
                    each_label(e.rest, label);
                    to.fixed64(2, e.value);
                    to.int64(3, e.t);
                });
                break;
        }
    };
    for (const Entry& e : entries) to.nested(1, [&] { series(e); });
}

void write_request_v2(std::span<const Entry> entries, const SeriesNames& names, std::vector<uint8_t>& out) {
    RequestSymbols symbols;
    std::vector<uint8_t> series;
    ProtoWriter to(series);
    ExemplarHosts hosts(entries);
    for (const Entry& e : entries) {
        if (hosts.hosted(e)) continue;
        to.nested(5, [&] { write_series_v2(to, e, hosts.beside(e), names, symbols); });
    }
    ProtoWriter head(out);
    symbols.write(head);
    head.raw(series);
}

void write_metadata_request(std::span<const MetricFamilyText> families, std::vector<uint8_t>& out) {
    ProtoWriter to(out);
    for (const MetricFamilyText& family : families) {
        to.nested(3, [&] {
            to.uint64(1, family.type);
            to.string(2, family.name);
            to.string(4, family.help);
            to.string(5, family.unit);
        });
    }
}

}  // namespace narthex
