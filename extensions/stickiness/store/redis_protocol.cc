#include "extensions/stickiness/store/redis_protocol.h"

#include <hiredis/hiredis.h>

#include <array>

#include "source/base/concat.h"

namespace weir::extensions::stickiness::store {

// What hiredis calls to make objects of what it reads: there is one, the RedisReader's own.
struct RedisReader::Functions {
  static RedisReader& of(const redisReadTask* task) {
    return *static_cast<RedisReader*>(task->privdata);
  }
  static RedisReply::Kind kindOf(int type) {
    if (type == REDIS_REPLY_STATUS) return RedisReply::Kind::kStatus;
    if (type == REDIS_REPLY_ERROR) return RedisReply::Kind::kError;
    return RedisReply::Kind::kText;
  }
  static void* createString(const redisReadTask* task, char* text, size_t size) {
    RedisReader& reader = of(task);
    if (size > kMaxReply) {
      reader.too_long_ = true;
      return nullptr;
    }
    reader.text_.assign(text, size);
    reader.reply_ = {kindOf(task->type), reader.text_, 0};
    return &reader;
  }
  static void* createArray(const redisReadTask* task, int) {
    of(task).array_ = true;
    return nullptr;
  }
  static void* createInteger(const redisReadTask* task, long long value) {
    of(task).reply_ = {RedisReply::Kind::kInteger, {}, value};
    return &of(task);
  }
  static void* createNil(const redisReadTask* task) {
    of(task).reply_ = {};
    return &of(task);
  }
  static void freeObject(void*) {}

  static redisReplyObjectFunctions table;
};

redisReplyObjectFunctions RedisReader::Functions::table = {createString, createArray, createInteger,
                                                           createNil, freeObject};

RedisReader::RedisReader() : reader_(redisReaderCreateWithFunctions(&Functions::table)) {
  if (reader_ != nullptr) reader_->privdata = this;
}

RedisReader::~RedisReader() {
  if (reader_ != nullptr) redisReaderFree(reader_);
}

void RedisReader::feed(std::string_view bytes) {
  if (reader_ != nullptr) redisReaderFeed(reader_, bytes.data(), bytes.size());
}

RedisReader::Result RedisReader::next(RedisReply& reply) {
  if (reader_ == nullptr) return Result::kBroken;
  void* object = nullptr;
  if (redisReaderGetReply(reader_, &object) != REDIS_OK) return Result::kBroken;
  if (object == nullptr) {
    // What is left is a part of one answer.
    too_long_ = reader_->len - reader_->pos > kMaxReply + 32;
    return too_long_ ? Result::kBroken : Result::kMore;
  }
  reply = reply_;
  return Result::kReply;
}

std::string RedisReader::problem() const {
  if (reader_ == nullptr) return "no memory";
  if (too_long_) return base::concat("an answer of more than ", kMaxReply, " bytes");
  if (array_) return "an answer of several parts, which nobody has asked for";
  return base::concat("what came is not of Redis: ", std::string_view(reader_->errstr));
}

void appendRedisCommand(buffer::Buffer& to, std::initializer_list<std::string_view> words) {
  constexpr size_t kMostWords = 8;
  std::array<const char*, kMostWords> texts;
  std::array<size_t, kMostWords> sizes;
  int count = 0;
  for (const std::string_view word : words) {
    texts[static_cast<size_t>(count)] = word.data();
    sizes[static_cast<size_t>(count++)] = word.size();
  }
  char* command = nullptr;
  const int size = redisFormatCommandArgv(&command, count, texts.data(), sizes.data());
  if (size < 0) return;  // no memory: what was to be sent is not answered, and times out
  to.append(std::string_view(command, static_cast<size_t>(size)));
  redisFreeCommand(command);
}

}  // namespace weir::extensions::stickiness::store
