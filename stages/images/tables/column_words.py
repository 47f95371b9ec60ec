"""Usual names of columns, in small letters and without blanks and punctuation."""

import re
import unicodedata

PATH_WORDS = {
    "path", "paths", "file", "files", "filename", "filenames", "filepath", "filepaths", "fname", "image", "images",
    "imagefile", "imagefilename", "imageid", "imagename", "imagepath", "img", "imgfile", "imgid", "imgname", "imgpath",
    "photo", "photopath", "picture", "pictures", "picturepath", "图像", "图片", "图片路径", "文件", "文件名", "路径",
}  # fmt: skip
LABEL_WORDS = {
    "category", "categories", "class", "classes", "classid", "classlabel", "classname", "label", "labelname", "labels",
    "tag", "target", "targets", "y", "clase", "classe", "etiqueta", "etiquette", "étiquette", "kategorie", "klasse",
    "分类", "标签", "类别",
}  # fmt: skip
SPLIT_COLUMNS = {"fold", "partition", "phase", "set", "split", "subset", "usage"}
NO_NAME = re.compile(r"(unnamed: ?\d+)?", re.IGNORECASE)  # of the column of row numbers that pandas writes


def word(name: str) -> str:
    """Return the name of a column in small letters, without blanks and punctuation."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", name).casefold())
