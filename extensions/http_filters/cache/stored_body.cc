#include "extensions/http_filters/cache/stored_body.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace weir::extensions::http_filters::cache {

BodyPiece::BodyPiece(size_t capacity, std::shared_ptr<MemoryAccount> account)
    : data_(new char[capacity]), capacity_(capacity), account_(std::move(account)) {}

BodyPiece::~BodyPiece() {
  account_->giveBack(cost(capacity_));
}

StoredBody::StoredBody(uint64_t length, std::shared_ptr<MemoryAccount> account)
    : account_(std::move(account)),
      length_(length),
      piece_bytes_(length == ~uint64_t{0} ? kUnknownPieceBytes : kPieceBytes) {}

size_t StoredBody::nextPieceBytes(uint64_t at) const {
  if (length_ == ~uint64_t{0}) return piece_bytes_;
  return static_cast<size_t>(std::min<uint64_t>(piece_bytes_, length_ - std::min(at, length_)));
}

uint64_t StoredBody::costOf(size_t bytes) const {
  uint64_t cost = 0;
  const uint64_t end = size() + bytes;
  for (uint64_t at = capacity_; at < end;) {
    const size_t piece = std::max<size_t>(nextPieceBytes(at), 1);
    cost += BodyPiece::cost(piece);
    at += piece;
  }
  return cost;
}

void StoredBody::append(buffer::Buffer& data) {
  uint64_t at = size();
  while (!data.empty()) {
    if (at == capacity_) {
      const size_t bytes = std::max<size_t>(nextPieceBytes(at), 1);
      auto piece = SharedRef<BodyPiece>::adopt(new BodyPiece(bytes, account_));
      const std::lock_guard lock(mutex_);
      pieces_.push_back(std::move(piece));
      capacity_ += bytes;
    }
    BodyPiece& piece = *pieces_.back();
    const size_t used = piece.capacity() - static_cast<size_t>(capacity_ - at);
    const std::string_view front = data.front();
    const size_t count = std::min(front.size(), piece.capacity() - used);
    std::memcpy(piece.data() + used, front.data(), count);
    data.drain(count);
    at += count;
  }
  size_.store(at, std::memory_order_release);
}

// Of the last piece only what is used is kept.
void StoredBody::finish() {
  const uint64_t at = size();
  if (!pieces_.empty() && at < capacity_) {
    BodyPiece& last = *pieces_.back();
    const size_t used = last.capacity() - static_cast<size_t>(capacity_ - at);
    if (account_->reserve(BodyPiece::cost(used))) {
      auto exact = SharedRef<BodyPiece>::adopt(new BodyPiece(used, account_));
      std::memcpy(exact->data(), last.data(), used);
      const std::lock_guard lock(mutex_);
      pieces_.back() = std::move(exact);
      capacity_ = at;
    }
  }
  complete_.store(true, std::memory_order_release);
}

size_t StoredBody::read(uint64_t from, size_t most, buffer::Buffer& to) const {
  if (complete()) return readPieces(from, most, to);
  const std::lock_guard lock(mutex_);
  return readPieces(from, most, to);
}

size_t StoredBody::readPieces(uint64_t from, size_t most, buffer::Buffer& to) const {
  const uint64_t end = std::min<uint64_t>(size(), from + most);
  if (from >= end) return 0;
  const auto total = static_cast<size_t>(end - from);
  for (uint64_t at = from; at < end;) {
    const BodyPiece& piece = *pieces_[static_cast<size_t>(at / piece_bytes_)];
    const auto offset = static_cast<size_t>(at % piece_bytes_);
    const size_t count = std::min<size_t>(piece_bytes_ - offset, static_cast<size_t>(end - at));
    const std::string_view bytes(piece.data() + offset, count);
    count < kCopyBytes ? to.append(bytes) : to.append(piece, bytes);
    at += count;
  }
  return total;
}

}  // namespace weir::extensions::http_filters::cache
