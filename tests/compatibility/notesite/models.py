"""Notes, which the admin edits."""

from django.db import models


class Note(models.Model):  # type: ignore[misc] # Django comes without types
    """A title, and perhaps a file."""

    title = models.CharField(max_length=100)
    text = models.TextField(blank=True)
    paper = models.FileField(upload_to="papers", blank=True)

    def __str__(self) -> str:
        return str(self.title)
