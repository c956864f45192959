/* Feeds the compiled pass with captures whose octets and columns are damaged, every one of them in memory of just its
 * size, so that AddressSanitizer sees whoever reads beyond: `glance SECONDS SEED FILE …`, files by tests/fuzz/native.py. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../../testbed/native/columns.h"
#include "../../testbed/native/glance.h"

void glance(const Scene *scene, u64 first, u64 after, Row *rows, Questions *refusals);

enum { COLUMNS = 18, ROOM = 64};

static u64 state;

static u64 drawn(u64 below) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return below ? state % below : 0;
}

static void *whole(FILE *file, u64 size) {
    u8 *octets = malloc(size ? size : 1);
    if (!octets || fread(octets, 1, size, file) != size) exit(2);
    return octets;
}

static u64 told(FILE *file) {
    u64 value;
    if (fread(&value, sizeof value, 1, file) != 1) exit(2);
    return value;
}

static Octets copied(Octets text) {
    u8 *octets = malloc(text.size ? text.size : 1);
    if (!octets) exit(2);
    if (text.size) memcpy(octets, text.at, text.size);
    return (Octets){octets, text.size};
}

static void damage(Octets text, u64 times) {
    static const u64 likely[] = {0, 1, 10, 13, '.', 0x7f, 0x80, 0xff};
    u8 *octets = (u8 *)text.at;
    for (; text.size && times; times--) octets[drawn(text.size)] = drawn(2) ? drawn(256) : likely[drawn(8)];
}

static Scene loaded(const char *name) {
    FILE *file = fopen(name, "rb");
    if (!file) exit(2);
    Scene scene = {0};
    scene.data.size = told(file), scene.data.at = whole(file, scene.data.size);
    Column *columns = &scene.time;
    for (int which = 0; which < COLUMNS; which++) {
        Column *column = &columns[which];
        column->width = column->stride = told(file), column->count = told(file);
        column->at = whole(file, column->width * column->count);
    }
    scene.telling.size = told(file), scene.telling.at = whole(file, scene.telling.size);
    scene.end_ns = INT64_MAX;
    fclose(file);
    return scene;
}

static void *zeros(u64 count, u64 size) {
    void *made = calloc(count ? count : 1, size);
    if (!made) exit(2);
    return made;
}

/* From a place inside or outside of the file. */
static void look_for_packets(const Scene *scene) {
    Packets found = {1 + drawn(ROOM), zeros(ROOM, 4), zeros(ROOM, 8), zeros(ROOM, 8), zeros(ROOM, 4), zeros(ROOM, 4), zeros(ROOM, 2)};
    u64 position = drawn(scene->data.size + 64), clock = drawn(2) ? 1000000 : state;
    while (packets_of_pcap(&scene->data, drawn(2), drawn(1000), &position, &found)) continue;
    Column clocks = {(const u8 *)&clock, 1, 8, 8};
    Section section = {drawn(2), drawn(scene->data.size + 64), 0, 0, (u32)drawn(70000), clocks, clocks};
    while (packets_of_pcapng(&scene->data, &section, &found)) continue;
    free(found.frame), free(found.time), free(found.offset), free(found.captured), free(found.original);
    free(found.interface);
}

/* Packets of some link type, then the pairs of ends of whatever came of them. */
static void decode(const Scene *scene) {
    static const u64 links[] = {0, 1, 12, 101, 113, 276, 147};
    u64 most = scene->offset.count, link = links[drawn(7)], unread = 0, slots = 1, key[] = {1, 2};
    while (slots <= 4 * most) slots *= 2;
    Frames frames = {scene->data, scene->offset, scene->captured, scene->captured, {0}, {(const u8 *)&link, 1, 8, 8}};
    Table table = {zeros(most, 4), zeros(most, 1), zeros(most, 1), zeros(most, 4), zeros(most, 4), zeros(most, 2),
                   zeros(most, 2), zeros(most, 2), zeros(most, 1), zeros(most, 4), zeros(most, 1)};
    Addresses known = {zeros(2 * most, 16), zeros(slots, 4), slots - 1, 0, {1, 2}};
    Rest rest = {.unread = &unread, .fragments = zeros(most, 40)};
    u64 rows = headers(&frames, 0, most, &table, &known, &rest);
    Ends ends = {{table.protocol, rows, 1, 1}, {table.v6, rows, 1, 1}, {(u8 *)table.sender, rows, 4, 4},
                 {(u8 *)table.receiver, rows, 4, 4}, {(u8 *)table.source_port, rows, 2, 2},
                 {(u8 *)table.destination_port, rows, 2, 2}};
    u32 *order = zeros(rows, 4);
    i64 *start = zeros(rows, 8);
    if (conversations(&ends, key, order, start) < 0) exit(2);
    void *made[] = {table.row, table.protocol, table.v6, table.sender, table.receiver, table.source_port,
                    table.destination_port, table.headers, table.header, table.length, table.flags,
                    known.at, known.slots, rest.fragments, order, start};
    for (u64 at = 0; at < sizeof made / sizeof *made; at++) free(made[at]);
}

/* One damaged copy of a scene; gives how many packets it has. */
static u64 once(const Scene *sound) {
    Scene scene = *sound;
    Octets parts[COLUMNS + 1];
    Column *columns = &scene.time;
    Octets data = upto(sound->data, drawn(4) ? sound->data.size : drawn(sound->data.size));
    scene.data = parts[COLUMNS] = copied(data);
    damage(scene.data, drawn(200));
    for (int which = 0; which < COLUMNS; which++) {
        parts[which] = copied((Octets){columns[which].at, columns[which].width * columns[which].count});
        columns[which].at = parts[which].at;
        if (!drawn(8)) damage(parts[which], drawn(20));
    }
    u64 connections = scene.start.count;
    Row *rows = malloc((connections ? connections : 1) * sizeof *rows);
    Question *asked = malloc(ROOM * sizeof *asked);
    Questions refusals = {asked, drawn(ROOM), 0};
    /* An order that has been damaged may make connections of very many packets. */
    for (u64 one = 0; one < connections; one++)
        if (number(&scene.stop, one) - number(&scene.start, one) < scene.order.count)
            glance(&scene, one, one + 1, rows + one, &refusals);
    look_for_packets(&scene);
    decode(&scene);
    for (int which = 0; which <= COLUMNS; which++) free((u8 *)parts[which].at);
    free(rows), free(asked);
    return scene.order.count;
}

int main(int count, char **words) {
    if (count < 4) return 2;
    time_t until = time(NULL) + atol(words[1]);
    state = strtoull(words[2], NULL, 10) * 2 + 1;
    static Scene scenes[256];
    int known = 0;
    for (; known < count - 3 && known < 256; known++) scenes[known] = loaded(words[3 + known]);
    u64 captures = 0, packets = 0;
    while (time(NULL) < until) {
        packets += once(&scenes[drawn(known)]);
        captures++;
    }
    printf("%llu captures, %llu packets\n", (unsigned long long)captures, (unsigned long long)packets);
    return 0;
}
