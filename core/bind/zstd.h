// Python's zstd as the core wants it: the core itself has no zstd.
#pragma once

#include <string_view>

#include "bind/module.h"
#include "wal/pages.h"

// `decompress` is None or a callable (data: bytes, limit: int) -> bytes that the caller keeps alive. The
// result may be called without the GIL.
narthex::ZstdDecoder zstd_decoder(nb::handle decompress);
// "none", "snappy" or "zstd", the last one with a callable (data: bytes) -> bytes that the caller keeps
// alive. Throws ValueError.
narthex::WalCompression wal_compression(std::string_view kind, nb::handle zstd);
