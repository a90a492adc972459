#include "exposition/protobuf_keys.h"

#include <algorithm>
#include <vector>

#include "bytes/utf8.h"
#include "text/number.h"
#include "text/scrape_cache.h"
#include "text/series_text.h"

namespace narthex {

std::string label_problem(std::span<const uint8_t> labels, std::string_view more) {
    std::vector<std::string_view> names{"__name__"};
    if (!more.empty()) names.push_back(more);
    std::string problem;
    each_label(labels, [&](std::string_view name, std::string_view value) {
        names.push_back(name);
        if (name.empty()) problem = "empty label name";
        if (!is_utf8(name)) problem = "invalid UTF-8 in label name";
        if (!is_utf8(value)) problem = "invalid UTF-8 in the value of label \"" + std::string(name) + "\"";
    });
    if (!problem.empty()) return problem;
    std::ranges::sort(names);
    auto twice = std::ranges::adjacent_find(names);
    return twice == names.end() ? "" : "label name \"" + std::string(*twice) + "\" is not unique";
}

namespace {

std::string_view suffix(Member member) {
    switch (member) {
        case Member::kCount:
            return "_count";
        case Member::kSum:
            return "_sum";
        case Member::kBucket:
            return "_bucket";
        default:
            return "";
    }
}

}  // namespace

FamilyMetadata ScrapeCache::protobuf_family(const Entry& e) const {
    std::string_view key = text(e);
    KeyHeader header = KeyHeader::of(key);
    key.remove_prefix(KeyHeader::kSize);
    return {std::string(key.substr(0, header.name_size())), header.type(), "",
            std::string(key.substr(header.name_size()))};
}

uint32_t ScrapeCache::protobuf_head(uint32_t id) const {
    return KeyHeader::of(text(entries_[id])).key() == ProtobufKey::kMember ? links_[id].parent : id;
}

LabelStrings ScrapeCache::protobuf_labels(uint32_t id) const {
    KeyHeader header = KeyHeader::of(text(entries_[id]));
    uint32_t head = protobuf_head(id);
    std::string_view labels = text(entries_[head]).substr(KeyHeader::kSize);
    std::string name = protobuf_family(entries_[links_[head].parent]).family;
    LabelStrings out;
    out.emplace_back("__name__", name.append(suffix(header.member())));
    each_label({reinterpret_cast<const uint8_t*>(labels.data()), labels.size()},
               [&](std::string_view n, std::string_view v) { out.emplace_back(n, v); });
    if (header.member() == Member::kBucket) out.emplace_back("le", openmetrics_float(header.number()));
    if (header.member() == Member::kQuantile)
        out.emplace_back("quantile", openmetrics_float(header.number()));
    return out;
}

}  // namespace narthex
