#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "exposition/protobuf_keys.h"
#include "text/metadata_line.h"
#include "text/scrape_cache.h"

namespace narthex {

namespace {

// HELP knows \\ and \n only; a quote stands for itself.
std::string unescape_help(std::string_view raw) {
    std::string out;
    out.reserve(raw.size());
    for (size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] == '\\' && i + 1 < raw.size() && (raw[i + 1] == '\\' || raw[i + 1] == 'n')) {
            out += raw[++i] == 'n' ? '\n' : '\\';
        } else {
            out += raw[i];
        }
    }
    return out;
}

// A family and the scans in which its lines were seen last: of two HELP lines the newer one counts.
struct Family {
    FamilyMetadata metadata;
    uint32_t help_seen = 0;
    uint32_t type_seen = 0;
    uint32_t unit_seen = 0;
};

}  // namespace

std::vector<FamilyMetadata> ScrapeCache::metadata() const {
    std::vector<Family> families;
    std::unordered_map<std::string, size_t> index;
    for (uint32_t id = 0; id < entries_.size(); ++id) {
        const Entry& e = entries_[id];
        auto kind = static_cast<LineKind>(e.kind);
        if (is_series(e) || !is_kept_metadata(e)) continue;
        std::string_view whole = text(e);
        bool is_text = !is_protobuf_key(whole);
        MetadataLine line;
        FamilyMetadata told;  // of a protobuf body
        if (is_text) {
            line = split_metadata_line(whole);
        } else {
            told = protobuf_family(kind == LineKind::kFamily ? e : entries_[links_[id].parent]);
        }
        auto [at, added] = index.try_emplace(is_text ? unescape(line.family) : told.family, families.size());
        if (added) {
            families.emplace_back();
            families.back().metadata.family = at->first;
        }
        Family& family = families[at->second];
        if (kind == LineKind::kHelp && e.seen >= family.help_seen) {
            family.metadata.help =
                is_text ? unescape_help(line.text) : std::string(whole.substr(KeyHeader::kSize));
            family.help_seen = e.seen;
        } else if (kind == LineKind::kType && e.seen >= family.type_seen) {
            family.metadata.type = static_cast<MetricType>(e.ref);
            family.type_seen = e.seen;
        } else if (kind == LineKind::kFamily && e.seen >= family.type_seen) {
            family.metadata.type = told.type;
            family.metadata.unit = told.unit;
            family.type_seen = family.unit_seen = e.seen;
        } else if (kind == LineKind::kUnit && e.seen >= family.unit_seen) {
            family.metadata.unit = std::string(line.text);
            family.unit_seen = e.seen;
        }
    }
    std::vector<FamilyMetadata> out;
    out.reserve(families.size());
    for (Family& family : families) out.push_back(std::move(family.metadata));
    return out;
}

std::pair<MetricType, std::string> ScrapeCache::type_and_unit(uint32_t id) const {
    const Entry& e = entries_[id];
    if (is_protobuf_key(text(e))) {
        FamilyMetadata family = protobuf_family(entries_[links_[protobuf_head(id)].parent]);
        return {family.type, std::move(family.unit)};
    }
    uint32_t unit = links_.empty() ? kNone : links_[id].unit;
    return {static_cast<MetricType>(e.type),
            unit == kNone ? "" : std::string(split_metadata_line(text(entries_[unit])).text)};
}

MetadataSize ScrapeCache::metadata_size() const {
    MetadataSize size;
    for (const Entry& e : entries_) {
        auto kind = static_cast<LineKind>(e.kind);
        if (is_series(e) || !is_kept_metadata(e)) continue;
        size.bytes += e.length;
        size.families += kind == LineKind::kType || kind == LineKind::kFamily;
    }
    return size;
}

}  // namespace narthex
