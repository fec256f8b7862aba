// Random operations on two buffers, compared with two strings after each.
#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/random.h"
#include "source/buffer/buffer.h"

namespace weir::buffer {
namespace {

// Immutable.
class SharedText final : public SharedOwner {
 public:
  explicit SharedText(std::string t) : text(std::move(t)) {}
  const std::string text;
};

class Trial {
 public:
  explicit Trial(uint64_t seed) : random_(seed) {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      for (size_t side : {0, 1}) ASSERT_TRUE(agrees(side)) << "step " << i << " op " << operation_;
    }
    for (const auto& [slice, text] : shared_) ASSERT_EQ(slice.view(), text);
    shared_.clear();
    for (Buffer& buffer : buffers_) buffer.clear();
    ASSERT_EQ(pool_.bytesInUse(), 0u);
  }

 private:
  // Mostly small, sometimes larger than any block.
  size_t size() {
    constexpr size_t kBounds[] = {4, 40, 600, 3000, 10'000, 70'000};
    return random_.uniform(kBounds[random_.uniform(std::size(kBounds))]);
  }
  std::string text(size_t size) {
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>(random_.next());
    return text;
  }
  size_t part(size_t whole) { return std::min(size(), random_.uniform(whole + 1)); }

  Slice sliceOf(const std::string& text) {
    Block& block = pool_.acquire(text.size());
    std::memcpy(block.data(), text.data(), text.size());
    block.used = static_cast<uint32_t>(text.size());
    return Slice(block, block.data(), block.used);
  }

  void step() {
    const size_t side = random_.uniform(2);
    Buffer& buffer = buffers_[side];
    Buffer& other = buffers_[1 - side];
    std::string& model = models_[side];
    std::string& other_model = models_[1 - side];
    if (model.size() > 300'000) {
      buffer.clear();
      model.clear();
    }
    operation_ = static_cast<int>(random_.uniform(15));
    switch (operation_) {
      case 0: {
        const std::string added = text(size());
        buffer.append(added);
        model += added;
        break;
      }
      case 1: {
        const std::string added = text(size());
        buffer.append(sliceOf(added));
        model += added;
        break;
      }
      case 14: {
        const std::string added = text(size());
        const SharedText* const owner = new SharedText(added);
        buffer.append(*owner, owner->text);
        owner->release();
        model += added;
        break;
      }
      case 2:
        buffer.append(other);
        model += std::exchange(other_model, {});
        break;
      case 3:
      case 4: {
        const size_t count = part(other_model.size());
        buffer.appendPrefix(other, count);
        model += other_model.substr(0, count);
        other_model.erase(0, count);
        break;
      }
      case 5: {
        const std::string added = text(size());
        buffer.prepend(added);
        model.insert(0, added);
        break;
      }
      case 6: {
        const size_t wanted = size();
        const std::span<char> room = buffer.reserve(wanted);
        ASSERT_GE(room.size(), wanted);
        const std::string added = text(random_.uniform(3) == 0 ? 0 : part(room.size()));
        std::memcpy(room.data(), added.data(), added.size());
        if (!added.empty() || random_.uniform(2) == 0) buffer.commit(added.size());
        model += added;
        break;
      }
      case 7:
      case 8: {
        const size_t count = part(model.size());
        buffer.drain(count);
        model.erase(0, count);
        break;
      }
      case 9: {
        const size_t count = part(model.size());
        ASSERT_EQ(buffer.linearize(count), std::string_view(model).substr(0, count));
        break;
      }
      case 10:
        buffer.compact();
        break;
      case 11: {
        const std::string_view front = buffer.front();
        const size_t from = random_.uniform(front.size() + 1);
        const size_t count = random_.uniform(front.size() - from + 1);
        shared_.emplace_back(buffer.shareFront(front.data() + from, count),
                             model.substr(from, count));
        if (shared_.size() > 5) {
          auto [slice, expected] = std::move(shared_.front());
          shared_.erase(shared_.begin());
          ASSERT_EQ(slice.view(), expected);
          buffer.append(std::move(slice));
          model += expected;
        }
        break;
      }
      case 13:
        buffer.appendShared(other);
        model += other_model;
        twice_ = true;
        break;
      case 12: {
        Buffer moved(std::move(buffer));
        buffer = std::move(moved);
        break;
      }
    }
  }

  bool agrees(size_t side) const {
    const Buffer& buffer = buffers_[side];
    const std::string& model = models_[side];
    if (buffer.size() != model.size() || buffer.empty() != model.empty()) return false;
    if (buffer.empty() != buffer.front().empty()) return false;
    if (buffer.bytesPinned() < buffer.size() && shared_.empty() && !twice_) return false;
    std::array<iovec, 1024> vectors;
    size_t at = 0;
    for (size_t i = 0, n = buffer.fill(vectors); i < n; ++i) {
      if (at + vectors[i].iov_len > model.size()) return false;
      if (std::memcmp(vectors[i].iov_base, model.data() + at, vectors[i].iov_len) != 0)
        return false;
      at += vectors[i].iov_len;
    }
    return at == model.size() || buffer.toString() == model;
  }

  base::Random random_;
  BlockPool pool_;
  std::array<Buffer, 2> buffers_{Buffer(pool_), Buffer(pool_)};
  std::array<std::string, 2> models_;
  std::vector<std::pair<Slice, std::string>> shared_;
  bool twice_ = false;  // the same bytes may be in a buffer more than once
  int operation_ = 0;
};

TEST(BufferOracle, AgreesWithStrings) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Trial(seed).run(250);
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace weir::buffer
