/*
 * Tables of objects, one in each row.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "vpnctl_text.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <string.h>

#include "vpnctl_json.h"
#include "vpnctl_text_internal.h"

#define COLUMNS_MAX 16

const char *
vpnctl_text_number(const struct cJSON *number, enum vpnctl_unit unit, char *buf, size_t size)
{
	double value = (double)vpnctl_to_uint(number);
	char scaled[VPNCTL_SCALED_MAX];

	if (!cJSON_IsNumber(number))
		return NULL;
	vpnctl_text_scaled(value, scaled, sizeof(scaled));
	if (unit == VPNCTL_COUNT)
		snprintf(buf, size, "%" PRIu64, vpnctl_to_uint(number));
	else if (unit == VPNCTL_RATIO)
		snprintf(buf, size, "%.1f", number->valuedouble);
	else if (unit == VPNCTL_BYTES)
		snprintf(buf, size, "%sB", scaled);
	else if (unit == VPNCTL_BYTES_PER_S)
		snprintf(buf, size, "%sB/s", scaled);
	else if (value > 0 && value < 100)
		snprintf(buf, size, "%.2f ms", value / 1e3);
	else if (value < 1e6)
		snprintf(buf, size, "%.1f ms", value / 1e3);
	else
		snprintf(buf, size, "%.1f s", value / 1e6);
	return buf;
}

/* Places on a terminal, which are characters and not bytes. */
static int
width_of(const char *text)
{
	int width = 0;

	for (; *text != '\0'; text++)
		if (((unsigned char)*text & 0xc0) != 0x80)
			width++;
	return width;
}

/* Returns whether there is anything in it; buf has VPNCTL_CELL_MAX bytes. */
static bool
make_cell(const struct vpnctl_column *column, const struct cJSON *row, char *buf)
{
	char own[VPNCTL_CELL_MAX];
	const char *text;

	if (column->text != NULL)
		text = column->text(row, own, sizeof(own));
	else
		text = vpnctl_text_number(
		    vpnctl_item(row, column->member), column->unit, own, sizeof(own));
	snprintf(buf, VPNCTL_CELL_MAX, "%s", text != NULL ? text : "-");
	vpnctl_text_sanitize(buf); /* also a character that was cut */
	return text != NULL;
}

/* A column in which nobody has anything keeps the width 0 and is left out. */
static int
measure(const struct vpnctl_column *column, const struct cJSON *rows)
{
	const struct cJSON *row;
	char cell[VPNCTL_CELL_MAX];
	int widest = 0, width;

	cJSON_ArrayForEach(row, rows)
	{
		if (!make_cell(column, row, cell))
			continue;
		width = width_of(cell);
		if (width > column->widest)
			width = column->widest;
		if (widest == 0)
			widest = (int)strlen(column->head);
		if (widest < width)
			widest = width;
	}
	return widest;
}

/* A row of the table, or its head if row is NULL. */
static void
print_row(FILE *out, const struct vpnctl_column *columns, size_t count, const int *widths,
    const struct cJSON *row)
{
	const char *between = "";
	char cell[VPNCTL_CELL_MAX];
	int gap;

	for (size_t i = 0; i < count; i++) {
		if (widths[i] == 0)
			continue;
		if (row != NULL)
			make_cell(&columns[i], row, cell);
		else
			snprintf(cell, sizeof(cell), "%s", columns[i].head);
		gap = widths[i] - width_of(cell);
		if (gap < 0)
			gap = 0;
		fprintf(out, "%s%*s%s%*s", between, columns[i].right ? gap : 0, "", cell,
		    columns[i].right ? 0 : gap, "");
		between = "  ";
	}
	fputc('\n', out);
}

void
vpnctl_text_table(FILE *out, const struct vpnctl_column *columns, size_t count,
    const struct cJSON *rows, vpnctl_notes_fn notes)
{
	const struct cJSON *row;
	int widths[COLUMNS_MAX];

	assert(count <= COLUMNS_MAX);
	for (size_t i = 0; i < count; i++)
		widths[i] = measure(&columns[i], rows);
	print_row(out, columns, count, widths, NULL);
	cJSON_ArrayForEach(row, rows)
	{
		print_row(out, columns, count, widths, row);
		if (notes != NULL)
			notes(out, row);
	}
}
