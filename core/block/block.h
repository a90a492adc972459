// One persisted block: selecting series by match terms and time.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "block/chunk_segments.h"
#include "block/index_reader.h"
#include "block/tombstones.h"
#include "chunk/series_batch.h"
#include "labels/match_terms.h"
#include "labels/text_list.h"

namespace narthex {

// Immutable and safe for concurrent use. `owner` keeps the bytes of index and segments alive; every batch
// that select() gives holds it too.
struct Block {
    IndexReader index;
    ChunkSegments chunks;
    std::shared_ptr<const void> owner;
};

// All times are milliseconds, both bounds inclusive. `deleted` may be nullptr; its intervals cut samples.
// Every function throws DecodeError on broken bytes.

// Matching series in label order with the chunks that overlap the range. A series without such a chunk is
// left out.
// With `skip_broken`, series and chunks that are broken are left out and noted in the batch's damage.
SeriesBatch select(const Block& block, std::span<const MatchTerm> terms, int64_t mint, int64_t maxt,
                   const Tombstones* deleted, bool skip_broken = false);

// The label sets that select() would give, without looking at chunk bytes (a series whose samples in the
// range are all deleted, but whose chunks are not, still shows).
// `limit` of them (0: all), the first in the block.
LabelSets select_labels(const Block& block, std::span<const MatchTerm> terms, int64_t mint, int64_t maxt,
                        const Tombstones* deleted, size_t limit = 0);

// Names, or values of one label, that occur in matching series at any time; the first `limit` (0: all) in
// byte order.
TextList matching_label_names(const IndexReader& index, std::span<const MatchTerm> terms, size_t limit);
TextList matching_label_values(const IndexReader& index, std::string_view name,
                               std::span<const MatchTerm> terms, size_t limit);

// Marks the samples of matching series in the range as deleted; only where a chunk overlaps. Intervals are
// clipped to the series' own time range. Gives the number of series that were marked.
size_t delete_samples(const Block& block, std::span<const MatchTerm> terms, int64_t mint, int64_t maxt,
                      Tombstones& deleted);

}  // namespace narthex
