"""Takes a book through a running server with the generated client. usage: client.py URL FILE"""

import sys
import time

from bookstate_client import Client
from bookstate_client.api.books import books_book, books_chapters, books_export, books_upload
from bookstate_client.api.jobs import jobs_status
from bookstate_client.models import BooksExportFormat, UploadForm
from bookstate_client.types import File

url, path = sys.argv[1:]
client = Client(base_url=url, timeout=60.0)

with open(path, "rb") as content:
    form = UploadForm(file=File(payload=content, file_name="handbook.pdf", mime_type="application/pdf"))
    taken = books_upload.sync(client=client, body=form)
book_id = taken.book_id
print("uploaded", book_id)

while True:
    status = jobs_status.sync(book_id, client=client)
    if str(status.status) not in ("ingested", "processing", "BookStatus.INGESTED", "BookStatus.PROCESSING"):
        break
    time.sleep(0.1)
print("ended", status.status)
assert str(status.status).endswith("complete"), status

book = books_book.sync(book_id, client=client)
assert book.title, book
chapters = books_chapters.sync(book_id, client=client, include_text=True).chapters
assert chapters and all(chapter.text for chapter in chapters if chapter.word_count), "chapters have their texts"
exported = books_export.sync_detailed(book_id, client=client, format_=BooksExportFormat.MARKDOWN)
text = exported.content.decode()
assert exported.status_code == 200 and text.startswith("# "), text[:80]
print("read", len(chapters), "chapters and", len(text), "characters of Markdown")
